#include "client/sink_book.h"

#include <algorithm>
#include <utility>

#include "client/limits.h"
#include "core/slot_word.h"

namespace pegaflow::client {
namespace {

wire::RingReceive message_of(const ReceiveSpec& spec, std::uint64_t handle, PoolId pool) {
  wire::RingReceive message;
  message.key = spec.key;
  message.handle = handle;
  message.pool = pool;
  message.source = spec.source;
  message.content = spec.content;
  message.n_tokens = spec.n_tokens;
  message.reference = spec.reference;
  message.offer_wait_ms = static_cast<std::uint32_t>(spec.offer_wait.count());
  message.compute_ms = static_cast<std::uint32_t>(spec.compute.count());
  message.total_ms = static_cast<std::uint32_t>(spec.total.count());
  message.trace_id = spec.trace_id;
  for (const ReceiveGroup& group : spec.groups) {
    message.tokens.push_back({group.tokens.begin, group.tokens.end});
  }
  return message;
}

bool same_tokens(const wire::TokenSpans& spans, const std::vector<core::TokenRange>& ranges) {
  return std::equal(spans.begin(), spans.end(), ranges.begin(), ranges.end(),
                    [](const wire::TokenSpan& a, const core::TokenRange& b) {
                      return a.begin == b.begin && a.end == b.end;
                    });
}

}  // namespace

SinkBook::SinkBook(Outbox& outbox, EventQueue& events, std::uint32_t max_receives)
    : outbox_(outbox),
      events_(events),
      max_receives_(max_receives),
      queue_(kMaxQueuedScatters),
      held_(kMaxQueuedScatters),
      marks_(kMaxReceiveMarks) {
  watched_.reserve(64);
}

Status SinkBook::receive(const ReceiveSpec& spec, const LocalPool& pool, TimePoint now,
                         TimePoint deadline, memory::Mark& mark) {
  if (handles_.contains(spec.key)) {
    return Error{Code::kAlreadyExists, "receive of " + spec.key.to_hex() + " is live already"};
  }
  if (receives_.size() >= max_receives_) {
    return Error{Code::kResourceExhausted, std::to_string(max_receives_) + " receives are live"};
  }
  if (mark.value != 0 && marks_.room() == 0) {
    return Error{Code::kResourceExhausted,
                 std::to_string(kMaxReceiveMarks) + " receives wait for the GPU already"};
  }
  if (!events_.reserve(1)) {
    return Error{Code::kResourceExhausted, "too many unread events; poll() first"};
  }
  const std::uint64_t handle = ++last_handle_;
  auto entry = std::make_unique<Receive>(spec, handle, pool);
  entry->started = now;
  entry->deadline = deadline;
  entry->gated = mark.value != 0;
  if (mark.value != 0) marks_.push(std::exchange(mark, {}), handle);
  receives_.emplace(handle, std::move(entry));
  handles_.emplace(spec.key, handle);
  outbox_.post(message_of(spec, handle, pool.id));
  return {};
}

Status SinkBook::cancel(const Key& key) {
  const auto found = handles_.find(key);
  if (found == handles_.end()) {
    return Error{Code::kNotFound, "no live receive " + key.to_hex() + " (never made, or ended)"};
  }
  Receive& receive = *receives_.at(found->second);
  if (!std::exchange(receive.cancelled, true)) outbox_.post(wire::RingCancel{receive.handle});
  return {};
}

const Receive* SinkBook::find(std::uint64_t handle) const {
  const auto found = receives_.find(handle);
  return found == receives_.end() ? nullptr : found->second.get();
}

Status SinkBook::check_stream(const wire::RingStream& message, const Receive& receive) const {
  const auto bad = [](const std::string& what) {
    return Error{Code::kProtocol, "stream: " + what};
  };
  if (message.key != receive.key) return bad("key " + message.key.to_hex());
  if (message.pool != receive.pool->id) return bad("pool " + std::to_string(message.pool.value));
  if (!same_tokens(message.tokens, receive.tokens)) return bad("other tokens than asked for");
  if (message.streams == 0 || (receive.expected != 0 && message.streams != receive.expected)) {
    return bad(std::to_string(message.streams) + " streams, " + std::to_string(receive.expected) +
               " before");
  }
  if (receive.streams.size() >= message.streams) {
    return bad("more than " + std::to_string(message.streams) + " of them");
  }
  return {};
}

void SinkBook::on_stream(const wire::RingStream& message, const PeerPool* writer,
                         Result<core::StreamPlan> plan, TimePoint now) {
  if (streams_.contains(message.stream)) return;  // repeated
  const auto found = receives_.find(message.handle);
  if (found == receives_.end() || found->second->end || streams_.size() >= kMaxStreams) {
    outbox_.post(wire::RingStopped{message.stream, {}});
    return;
  }
  Receive& receive = *found->second;
  const Status fits = check_stream(message, receive);
  const bool same_plan = plan.ok() && plan->hash == message.plan_hash;
  if (!fits.ok() || !same_plan) {
    outbox_.post(wire::RingStopped{message.stream, {}});
    if (!fits.ok()) return fail(receive, Reason::kProtocol, fits.error().message(), now);
    return fail(receive, Reason::kPlan,
                plan.ok() ? "plan hash " + std::to_string(plan->hash) + " here, the agent's is " +
                                std::to_string(message.plan_hash)
                          : plan.error().message(),
                now);
  }
  receive.expected = message.streams;
  const core::ChecksumKind checksum =
      core::checksum_kind(message.integrity, writer->shape, receive.pool->layout.shape);
  receive.streams.push_back(
      std::make_unique<SinkStream>(message, receive, std::move(plan).value(), checksum));
  SinkStream& stream = *receive.streams.back();
  streams_.emplace(stream.key, &stream);
  note_complete(stream, now);  // a plan without chunks
}

void SinkBook::fail_stream(StreamKey key, const std::string& why, TimePoint now) {
  const auto found = streams_.find(key);
  if (found != streams_.end()) fail(*found->second->receive, Reason::kProtocol, why, now);
}

bool SinkBook::room_for_scatters() const {
  return queue_.size() + held_.size() + wire::kMaxSlotsPerRingMessage <= queue_.capacity();
}

// Says that the slot's content went nowhere, so that the agent can free it.
void SinkBook::refuse(StreamKey stream, const wire::ScatterSlot& slot) {
  outbox_.post(wire::RingScattered{stream, {{slot.slot, slot.chunk, false, 0}}});
}

void SinkBook::on_scatter(const wire::RingScatter& message, RegionTable& regions, TimePoint now) {
  for (const wire::ScatterSlot& slot : message.slots) {
    const auto found = streams_.find(message.stream);
    if (found == streams_.end()) {
      refuse(message.stream, slot);  // its receive has ended
      continue;
    }
    SinkStream& stream = *found->second;
    if (began_early(stream, slot.slot)) continue;
    const MappedSlots* region = regions.find(slot.slot);
    const char* wrong = nullptr;
    if (region == nullptr || !region->own) {
      wrong = "scatter: no such slot";
    } else if (slot.chunk.value >= stream.plan.n_chunks) {
      wrong = "scatter: no such chunk";
    } else if (slot.bytes != core::cell(stream.plan, slot.chunk).bytes ||
               slot.bytes > region->region.shape().slot_bytes) {
      wrong = "scatter: the chunk has another size";
    } else if (!stream.progress.accept(slot.chunk)) {
      wrong = "scatter: the chunk came twice";
    }
    if (wrong != nullptr) {
      refuse(message.stream, slot);
      fail(*stream.receive, Reason::kProtocol,
           std::string(wrong) + " (region " + std::to_string(slot.slot.region.value) + ", slot " +
               std::to_string(slot.slot.slot.value) + ", chunk " +
               std::to_string(slot.chunk.value) + ", bytes " + std::to_string(slot.bytes) + ")",
           now);
      continue;
    }
    (stream.receive->gated ? held_ : queue_).try_push(Queued{message.stream, slot});
  }
}

void SinkBook::mark_passed() {
  const auto found = receives_.find(marks_.pop());
  if (found == receives_.end()) return;  // ended meanwhile
  found->second->gated = false;
  sift_held();
}

// Hands on what need not be held any more, in its order, and drops what nobody wants.
void SinkBook::sift_held() {
  for (std::size_t left = held_.size(); left > 0; --left) {
    const Queued queued = *held_.try_pop();
    const auto found = streams_.find(queued.stream);
    if (found == streams_.end()) continue;  // stopped, and said so
    (found->second->receive->gated ? held_ : queue_).try_push(queued);
  }
}

std::optional<Scatter> SinkBook::next(RegionTable& regions) {
  while (auto queued = queue_.try_pop()) {
    const auto found = streams_.find(queued->stream);
    if (found == streams_.end()) continue;  // stopped, and said so
    SinkStream& stream = *found->second;
    MappedSlots* region = regions.find(queued->slot.slot);
    if (region != nullptr && !stream.receive->end && !stream.receive->damaged && !stream.stopping &&
        readable(*region, queued->slot.slot)) {
      ++stream.copies;
      ++stream.receive->copies;
      ++region->copies;
      return Scatter{&stream, queued->slot, region};
    }
    if (queued->early) drop_early(stream, queued->slot);
    if (queued->early) continue;  // the agent will ask for it, or knows why not
    stream.receive->damaged = true;
    refuse(stream.key, queued->slot);
  }
  return std::nullopt;
}

// The source could run out of slots before this client hears of its next chunk.
bool SinkBook::needs_slots_soon(SinkStream& stream) {
  if (!stream.shown) return true;
  if (stream.plan.n_chunks - stream.progress.accepted_count() <= stream.lent.size()) return false;
  if (++stream.unheard < stream.lent.size()) return false;
  stream.unheard = 0;
  return true;
}

bool SinkBook::finished(const Scatter& scatter, bool ok, Nanos took, TimePoint now) {
  SinkStream& stream = *scatter.stream;
  Receive& receive = *stream.receive;
  const wire::SlotRef& slot = scatter.slot.slot;
  // Readers need no fence: if the slot was taken back under the copy, its generation shows it.
  std::atomic_thread_fence(std::memory_order_acquire);
  ok = ok && readable(*scatter.region, slot);
  ended_early(stream, slot);
  --stream.copies;
  --receive.copies;
  --scatter.region->copies;
  const auto took_us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  outbox_.post_unhurried(wire::RingScattered{
      stream.key, {{slot, scatter.slot.chunk, ok, static_cast<std::uint32_t>(took_us)}}});
  if (ok) {
    stream.progress.placed(scatter.slot.chunk);
    stream.gather += std::chrono::microseconds(scatter.slot.gather_us);
    stream.wire += std::chrono::microseconds(scatter.slot.wire_us);
    stream.scatter += took;
    receive.last_ready_ns = std::max(receive.last_ready_ns, scatter.slot.t_ready_ns);
  } else {
    receive.damaged = true;
  }
  const bool soon = !ok || needs_slots_soon(stream);
  if (stream.stopping && stream.copies == 0) stopped(stream);
  if (receive.end) {
    settle(receive, now);
    return true;
  }
  const bool complete = stream.progress.complete();
  if (ok) note_complete(stream, now);
  return soon || complete;
}

void SinkBook::note_complete(SinkStream& stream, TimePoint now) {
  if (!stream.progress.complete()) return;
  Receive& receive = *stream.receive;
  ++receive.complete;
  if (receive.complete == receive.expected && !receive.damaged) {
    end(receive, EventKind::kDone, Reason::kNone, {}, now);
  }
}

bool SinkBook::on_stop(StreamKey key) {
  const auto found = streams_.find(key);
  if (found == streams_.end()) return false;
  found->second->stopping = true;
  if (found->second->copies == 0) stopped(*found->second);
  return true;
}

// The stream's progress stays with its receive, for valid_tokens().
void SinkBook::stopped(SinkStream& stream) {
  outbox_.post(wire::RingStopped{stream.key, {}});
  forget(stream);
}

void SinkBook::forget(SinkStream& stream) {
  std::erase(watched_, &stream);
  streams_.erase(stream.key);
}

void SinkBook::on_result(const wire::RingResult& message, TimePoint now) {
  const auto found = receives_.find(message.handle);
  if (found == receives_.end()) return;  // ended here first
  Receive& receive = *found->second;
  switch (message.kind) {
    case EventKind::kOffered:
      receive.offer_wait = std::chrono::microseconds(message.offer_wait_us);
      receive.grant = std::chrono::microseconds(message.grant_us);
      return;
    case EventKind::kFailed:
    case EventKind::kCancelled:
      return end(receive, message.kind, message.reason, message.detail, now);
    case EventKind::kDone:
      // Whether bytes are in place is known here, not there; a receive without streams moves none.
      if (receive.streams.empty()) return end(receive, message.kind, message.reason, {}, now);
      break;
    case EventKind::kRefused:
    case EventKind::kSent:
    case EventKind::kUnconfirmed:
    case EventKind::kExpired:
    case EventKind::kWithdrawn:
      break;
  }
  fail(receive, Reason::kProtocol,
       "the agent ended a receive as " + std::string(to_string(message.kind)), now);
}

void SinkBook::fail(Receive& receive, Reason reason, std::string detail, TimePoint now) {
  if (receive.end) return;
  if (!std::exchange(receive.cancelled, true)) outbox_.post(wire::RingCancel{receive.handle});
  end(receive, EventKind::kFailed, reason, std::move(detail), now);
}

// The first terminal transition wins. The event waits for running copies, because the engine may
// reuse the blocks when it sees it.
void SinkBook::end(Receive& receive, EventKind kind, Reason reason, std::string detail,
                   TimePoint now) {
  if (receive.end) return;
  Event event;
  event.kind = kind;
  event.key = receive.key;
  event.receive = true;
  event.reason = reason;
  event.detail = std::move(detail);
  receive.end = std::move(event);
  settle(receive, now);
}

void SinkBook::settle(Receive& receive, TimePoint now) {
  if (!receive.end || receive.copies != 0) return;
  receive.end->valid_tokens = valid_tokens(receive);
  receive.end->stats = stats_of(receive, now);
  events_.push(std::move(*receive.end));
  for (const auto& stream : receive.streams) forget(*stream);
  if (receive.gated) sift_held();
  handles_.erase(receive.key);
  receives_.erase(std::uint64_t{receive.handle});
}

void SinkBook::expire(TimePoint now) {
  std::vector<Receive*> late;
  for (const auto& [handle, receive] : receives_) {
    if (now >= receive->deadline && !receive->end) late.push_back(receive.get());
  }
  for (Receive* receive : late) {
    fail(*receive, Reason::kTotalTimeout, "the agent did not end it in time", now);
  }
}

void SinkBook::extend_deadlines(Nanos by) {
  for (const auto& [handle, receive] : receives_) receive->deadline += by;
}

void SinkBook::end_all(const std::string& why, TimePoint now) {
  while (!receives_.empty()) {
    Receive& receive = *receives_.begin()->second;
    const bool cancelled = receive.cancelled;
    end(receive, cancelled ? EventKind::kCancelled : EventKind::kFailed,
        cancelled ? Reason::kCancelled : Reason::kAgentLost, why, now);
  }
}

}  // namespace pegaflow::client
