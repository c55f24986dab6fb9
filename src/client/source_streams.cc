// SourceBook, the mover's side: streams, credits, claims.
#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "client/limits.h"
#include "client/source_book.h"
#include "core/slot_word.h"

namespace pegaflow::client {
namespace {

Status check_stream(const wire::RingStream& message, const Offer& offer) {
  const auto bad = [](const std::string& what) {
    return Error{Code::kProtocol, "stream: " + what};
  };
  if (message.pool != offer.pool->id) {
    return bad("pool " + std::to_string(message.pool.value) + ", the offer names " +
               std::to_string(offer.pool->id.value));
  }
  if (message.streams == 0) return bad("0 consumers");
  const std::uint32_t n_tokens = offer.ready.n_tokens();
  for (const wire::TokenSpan& span : message.tokens) {
    if (span.begin > span.end || span.end > n_tokens) {
      return bad("tokens [" + std::to_string(span.begin) + ", " + std::to_string(span.end) +
                 ") of " + std::to_string(n_tokens));
    }
  }
  return {};
}

Status check_plan(const Result<core::StreamPlan>& plan, std::uint64_t hash) {
  if (!plan.ok()) return plan.error();
  if (plan->hash == hash) return {};
  return Error{Code::kProtocol, "plan hash " + std::to_string(plan->hash) +
                                    " here, the agent's is " + std::to_string(hash)};
}

}  // namespace

SourceStream::SourceStream(const wire::RingStream& message, Offer& of_offer,
                           core::StreamPlan stream_plan, core::ChecksumKind checksum_kind)
    : key(message.stream),
      offer(&of_offer),
      plan(std::move(stream_plan)),
      progress(plan, of_offer.pool->first_layers),
      checksum(checksum_kind) {
  credits.reserve(32);
}

void SourceBook::on_stream(const wire::RingStream& message, const PeerPool* reader,
                           Result<core::StreamPlan> plan) {
  if (streams_.contains(message.stream)) return;  // repeated
  const auto found = find(message.key);
  if (!found.ok() || (*found)->sent || streams_.size() >= kMaxStreams) {
    outbox_.post(wire::RingStopped{message.stream, {}});
    return;
  }
  Offer& offer = **found;
  Status fits = check_stream(message, offer);
  if (fits.ok()) fits = check_plan(plan, message.plan_hash);
  if (!fits.ok()) {
    offer.trouble = fits.error().message();
    outbox_.post(wire::RingStopped{message.stream, {}});
    return;
  }
  const core::ChecksumKind checksum =
      core::checksum_kind(message.integrity, offer.pool->layout.shape, reader->shape);
  auto stream = std::make_unique<SourceStream>(message, offer, std::move(plan).value(), checksum);
  offer.streams.push_back(stream.get());
  offer.consumers.began(reader->instance, reader->shape.rank, message.stream, message.streams);
  SourceStream& entry = *streams_.emplace(message.stream, std::move(stream)).first->second;
  entry.burst_chunks = burst_chunks(entry.plan);
  if (entry.plan.n_chunks == 0) {
    all_left(entry);
  } else {
    unreported_.add(entry);  // even a count of 0: it says that the plan was agreed
    refresh_stream(entry);
  }
}

void SourceBook::fail_stream(StreamKey key, const std::string& why) {
  const auto found = streams_.find(key);
  if (found == streams_.end()) return;
  found->second->offer->trouble = why;
  on_stop(key);
}

void SourceBook::on_credit(const wire::RingCredit& message) {
  const auto found = streams_.find(message.stream);
  if (found == streams_.end()) return;  // stopped or left meanwhile
  SourceStream& stream = *found->second;
  if (stream.credits.size() + message.slots.size() > kMaxCreditsPerStream) {
    return fail_stream(message.stream, "more than " + std::to_string(kMaxCreditsPerStream) +
                                           " credits wait on one stream");
  }
  stream.credits.insert(stream.credits.end(), message.slots.begin(), message.slots.end());
  if (runnable(stream)) runnable_.add(stream);
}

bool SourceBook::on_stop(StreamKey key) {
  const auto found = streams_.find(key);
  if (found == streams_.end()) return false;
  found->second->stopping = true;
  if (found->second->copies == 0) stopped(*found->second);
  return true;
}

void SourceBook::stopped(SourceStream& stream) {
  wire::RingStopped message{stream.key, {}};
  for (const wire::SlotRef& credit : stream.credits) {
    if (message.unspent.full()) {
      outbox_.post(message);
      message.unspent.clear();
    }
    message.unspent.push_back(credit);
  }
  outbox_.post(message);
  erase_stream(stream);
}

void SourceBook::erase_stream(SourceStream& stream) {
  std::erase(stream.offer->streams, &stream);
  streams_.erase(StreamKey(stream.key));
}

void SourceBook::on_result(const wire::RingResult& message) {
  const auto found = find(message.key);
  if (!found.ok()) return;  // ended here first
  Offer& offer = **found;
  switch (message.kind) {
    case EventKind::kSent:
      return report_sent(offer);
    case EventKind::kDone:
    case EventKind::kFailed:
    case EventKind::kUnconfirmed:
    case EventKind::kExpired:
    case EventKind::kWithdrawn:
      return end(offer, message.kind, message.reason, message.detail);
    case EventKind::kOffered:
    case EventKind::kRefused:
    case EventKind::kCancelled:
      break;
  }
  end(offer, EventKind::kFailed, Reason::kProtocol,
      "the agent ended an offer as " + std::string(to_string(message.kind)));
}

bool SourceBook::refresh(std::size_t max_offers) {
  for (std::size_t i = 0; i < max_offers; ++i) {
    Offer* offer = dirty_.take_first();
    if (offer == nullptr) return false;
    for (SourceStream* stream : offer->streams) refresh_stream(*stream);
  }
  return !dirty_.empty();
}

std::uint32_t SourceBook::burst_chunks(const core::StreamPlan& plan) const {
  const std::uint64_t bytes = std::min(burst_bytes_, plan.bytes / kBurstsPerStream);
  if (bytes == 0) return 1;
  return std::max(1U, static_cast<std::uint32_t>(bytes * plan.n_chunks / plan.bytes));
}

void SourceBook::refresh_stream(SourceStream& stream) {
  const Offer& offer = *stream.offer;
  const std::uint32_t at_least = stream.far ? stream.burst_chunks : 1;
  if (stream.progress.update(offer.ready, offer.tables, offer.marked_ns, at_least)) {
    unreported_.add(stream);
  }
  if (runnable(stream)) runnable_.add(stream);
}

bool SourceBook::runnable(const SourceStream& stream) const {
  return !stream.stopping && !stream.offer->end && !stream.credits.empty() &&
         stream.progress.next().has_value();
}

void SourceBook::report() {
  while (SourceStream* stream = unreported_.take_first()) {
    const std::uint32_t ready = stream->progress.ready();
    if (stream->stopping || (stream->reported && ready == stream->reported_ready)) continue;
    const bool told = ready < stream->reported_ready
                          ? outbox_.try_send(wire::RingRewound{stream->key, ready})
                          : outbox_.try_send_unhurried(wire::RingReady{stream->key, ready});
    if (!told) return unreported_.add(*stream);
    stream->reported = true;
    stream->reported_ready = ready;
  }
}

std::optional<Gather> SourceBook::claim(RegionTable& regions) {
  Gather gather;
  while (SourceStream* stream = runnable_.take_first()) {
    if (!runnable(*stream)) continue;
    const bool claimed = claim_from(*stream, regions, gather);
    if (claimed && runnable(*stream)) runnable_.add(*stream);
    if (claimed) return gather;
  }
  return std::nullopt;
}

bool SourceBook::claim_from(SourceStream& stream, RegionTable& regions, Gather& out) {
  const ChunkIndex chunk = *stream.progress.next();
  const std::uint64_t bytes = core::cell(stream.plan, chunk).bytes;
  while (!stream.credits.empty()) {
    const wire::SlotRef slot = stream.credits.front();
    stream.credits.erase(stream.credits.begin());
    MappedSlots* region = regions.find(slot);
    if (region == nullptr) continue;  // unmapped since
    if (region->region.shape().slot_bytes < bytes) {
      fail_stream(stream.key, "a chunk of " + std::to_string(bytes) +
                                  " bytes does not fit into a slot of " +
                                  std::to_string(region->region.shape().slot_bytes));
      return false;
    }
    std::uint64_t expected = core::loaned_word(slot.generation, region->writer);
    if (!region->region.control().word(slot.slot).compare_exchange_strong(
            expected, core::claimed_word(slot.generation, region->writer),
            std::memory_order_acq_rel)) {
      continue;  // revoked
    }
    stream.progress.take(chunk);
    stream.far = !region->own;
    ++stream.copies;
    ++stream.offer->copies;
    ++region->copies;
    out = {&stream, chunk, slot, region, ++started_copies_};
    running_copies_.push_back(out.number);
    return true;
  }
  return false;
}

void SourceBook::finished(const Gather& gather, bool ok) {
  SourceStream& stream = *gather.stream;
  Offer& offer = *stream.offer;
  std::erase(running_copies_, gather.number);
  --stream.copies;
  if (--offer.copies == 0) offer.old_tables.clear();
  --gather.region->copies;
  if (ok) {
    ++stream.gathered;
  } else {
    void_claim(gather);
    offer.trouble = "the copy of chunk " + std::to_string(gather.chunk.value) + " failed";
    stream.stopping = true;
  }
  const wire::RingGathered message{stream.key, {{gather.slot, gather.chunk, !ok}}};
  // What lies in the peer's slot is the peer's to find; here it is only counted.
  if (ok && !gather.region->own) {
    outbox_.post_unhurried(message);
  } else {
    outbox_.post(message);
  }
  if (stream.stopping) {
    if (stream.copies == 0) stopped(stream);
  } else if (stream.gathered == stream.plan.n_chunks) {
    all_left(stream);
  }
  settle(offer);
}

void SourceBook::void_claim(const Gather& gather) {
  std::uint64_t expected = core::claimed_word(gather.slot.generation, gather.region->writer);
  // Fails if the owner quarantined the slot meanwhile; then the word is none of ours.
  gather.region->region.control()
      .word(gather.slot.slot)
      .compare_exchange_strong(expected,
                               core::free_word(Generation{gather.slot.generation.value + 1}),
                               std::memory_order_acq_rel);
  gather.stream->progress.give_back(gather.chunk);
}

void SourceBook::all_left(SourceStream& stream) {
  Offer& offer = *stream.offer;
  outbox_.post(wire::RingLeft{stream.key});
  offer.consumers.left(stream.key);
  erase_stream(stream);
  if (offer.consumers.complete()) report_sent(offer);
}

void SourceBook::report_sent(Offer& offer) {
  if (offer.sent || offer.end) return;
  offer.sent = true;
  Event event;
  event.kind = EventKind::kSent;
  event.key = offer.key;
  events_.push(std::move(event));
}

}  // namespace pegaflow::client
