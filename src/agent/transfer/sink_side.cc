#include "agent/transfer/sink_side.h"

#include <algorithm>

#include "base/check.h"
#include "base/random.h"

namespace pegaflow::agent {
namespace {

// Serials of sink streams differ from those of source streams: slots of one table serve both.
constexpr std::uint64_t kSinkSerialBit = std::uint64_t{1} << 63U;

}  // namespace

SinkSide::SinkSide(TransferContext& context)
    : context_(context), next_xfer_(random_u64()), next_serial_(kSinkSerialBit | 1U) {
  by_credit_.resize(context.regions.size() * context.config.limits.max_streams);
  polled_.reserve(context.config.limits.max_streams);
}

SinkStream* SinkSide::find(const StreamKey& key) const {
  const auto at = streams_.find(key);
  return at == streams_.end() ? nullptr : at->second.get();
}

SinkStream* SinkSide::on(LinkPort& link, const StreamKey& key) const {
  SinkStream* stream = find(key);
  return stream != nullptr && stream->link == &link ? stream : nullptr;
}

void SinkSide::on_cancel(ClientPort& client, std::uint64_t handle) {
  for (const auto& [xfer, receive] : receives_) {
    if (receive->client != &client || receive->handle != handle) continue;
    return fail(*receive, Reason::kCancelled, {});
  }
}

void SinkSide::on_client_lost(ClientPort& client) {
  std::vector<Receive*> theirs;
  for (const auto& [xfer, receive] : receives_) {
    if (receive->client == &client) theirs.push_back(receive.get());
  }
  for (Receive* receive : theirs) {
    receive->client = nullptr;
    fail(*receive, Reason::kEngineLost, {});
  }
}

void SinkSide::on_client_stalled(ClientPort& client) {
  const auto theirs = [&client](const SinkStream& s) { return s.receive->client == &client; };
  fail_where(theirs, Reason::kEngineLost, "this engine's mover did not run for engine_tick");
}

void SinkSide::on_want(LinkPort& link, const wire::Want& want) {
  SinkStream* stream = on(link, want.stream);
  if (stream == nullptr || stream->receive == nullptr) return;
  if (want.total != stream->plan.n_chunks) {
    return fail(*stream->receive, Reason::kPlan,
                "the source counts " + std::to_string(want.total) + " chunks, the sink " +
                    std::to_string(stream->plan.n_chunks));
  }
  const TimePoint now = context_.now();
  const auto waited =
      static_cast<std::uint32_t>((now - stream->asked) / std::chrono::microseconds(1));
  Receive& receive = *stream->receive;
  if (receive.grant_us == 0) receive.grant_us = std::max(1U, waited);
  if (!want.offered) return;
  if (!stream->offered) {
    stream->offered = true;
    stream->offer_deadline.reset();
    receive.offer_wait_us = std::max(receive.offer_wait_us, waited);
    stream->probe->stage(metrics::Stage::kOfferWait, now - stream->asked);
    // For the statistics of the client, which alone sees the receive's end. Of several streams
    // the last one tells.
    receive.client->send(wire::RingResult{EventKind::kOffered,
                                          Reason::kNone,
                                          receive.request.key,
                                          receive.handle,
                                          receive.offer_wait_us,
                                          receive.grant_us,
                                          {}});
  }
  stream->region->credits().set_ready(stream->credit, want.ready);
  RegionSlots& region = *stream->region;
  update(*stream);
  distribute(region);
}

void SinkSide::on_refuse(LinkPort& link, const wire::Refuse& refuse) {
  SinkStream* stream = on(link, refuse.stream);
  if (stream == nullptr) return;
  // The source has no such stream: it will write to none of its slots.
  while (!stream->lent.empty()) give_back(*stream, stream->lent.size() - 1);
  if (stream->receive != nullptr) {
    fail(*stream->receive, refuse.reason, "refused by " + link.peer());
  } else {
    try_proven(*stream);
  }
}

void SinkSide::on_abort(LinkPort& link, const wire::Abort& message) {
  SinkStream* stream = on(link, message.stream);
  if (stream == nullptr || stream->receive == nullptr) return;
  fail(*stream->receive, message.reason, "ended by " + link.peer());
}

void SinkSide::on_quiesced(LinkPort& link, const wire::Quiesced& message) {
  SinkStream* stream = on(link, message.stream);
  if (stream == nullptr) return;
  if (stream->receive != nullptr) {
    fail(*stream->receive, Reason::kProtocol, "QUIESCED from " + link.peer() + " before ABORT");
    stream = on(link, message.stream);
    if (stream == nullptr) return;
  }
  for (const LentSlot& lent : stream->lent) {
    core::SlotTable& table = stream->region->table();
    if (table.is(lent.slot, lent.generation, stream->serial)) table.prove(lent.slot);
  }
  stream->lent.clear();
  RegionSlots& region = *stream->region;
  try_proven(*stream);
  distribute(region);
}

void SinkSide::on_peer_pool_gone(LinkPort& link, PoolId pool) {
  const auto reads = [&](const SinkStream& s) { return s.link == &link && s.source_pool == pool; };
  fail_where(reads, Reason::kEngineLost, "an engine of the source ended");
}

void SinkSide::on_link_down(LinkPort& link) {
  const auto uses = [&link](const SinkStream& s) { return s.link == &link; };
  fail_where(uses, Reason::kLinkLost, "the link to " + link.peer() + " ended");
  // Streams that waited for QUIESCED wait for the writer's proof now, in the slot table.
  std::vector<SinkStream*> left;
  for (const auto& [key, stream] : streams_) {
    if (stream->link == &link) left.push_back(stream.get());
  }
  for (SinkStream* stream : left) remove(*stream);
}

void SinkSide::on_writer_gone(WriterId writer) {
  const auto written = [writer](const SinkStream& s) { return s.writer == writer && s.mapped(); };
  fail_where(written, Reason::kEngineLost, "the source's writer ended");
  for (const auto& region : context_.regions) {
    region->table().prove_writer(writer, [](SlotIndex) {});
    distribute(*region);
  }
}

void SinkSide::verified(SinkStream& stream) {
  stream.state = *core::next(stream.state, core::SinkEvent::kVerified);
  Receive& receive = *stream.receive;
  ++receive.verified;
  stream.link->send(wire::Done{stream.key, stream.plan.bytes});
  stream.probe->stream_ended(metrics::Outcome::kDone, 0);
  stream.probe->stage(metrics::Stage::kReceive, context_.now() - receive.began);
  std::erase(receive.streams, &stream);
  RegionSlots& region = *stream.region;
  recover_slots(stream);
  remove(stream);
  if (receive.streams.empty()) forget(receive);
  distribute(region);
}

void SinkSide::fail(Receive& receive, Reason reason, const std::string& detail) {
  if (receive.client != nullptr) {
    const bool cancelled = reason == Reason::kCancelled;
    receive.client->send(wire::RingResult{
        cancelled ? EventKind::kCancelled : EventKind::kFailed, reason, receive.request.key,
        receive.handle, receive.offer_wait_us, receive.grant_us, detail.substr(0, 255)});
  }
  const std::vector<SinkStream*> streams = receive.streams;
  for (SinkStream* stream : streams) fail_stream(*stream, reason);
  forget(receive);
  for (const auto& region : context_.regions) distribute(*region);
}

void SinkSide::fail_stream(SinkStream& stream, Reason reason) {
  stream.state = *core::next(stream.state, core::SinkEvent::kFail);
  const bool cancelled = reason == Reason::kCancelled;
  stream.probe->stream_ended(cancelled ? metrics::Outcome::kCancelled : metrics::Outcome::kFailed,
                             static_cast<std::uint8_t>(reason));
  if (context_.links.contains(stream.link->id())) {
    stream.link->send(wire::Abort{stream.key, reason});
  }
  if (stream.receive->client != nullptr) {
    stream.receive->client->send(wire::RingStop{stream.key, reason});
  }
  stream.receive = nullptr;
  recover_slots(stream);
  stream.quiesce_deadline = context_.now() + context_.config.deadlines.quiesce;
  try_proven(stream);
}

// Takes back what can be taken back now. What stays in `lent` is quarantined: on mapped links the
// slot table waits for its proof, on UCX links the stream waits for QUIESCED.
void SinkSide::recover_slots(SinkStream& stream) {
  core::SlotTable& table = stream.region->table();
  const TimePoint now = context_.now();
  for (const LentSlot& lent : stream.draining) table.release(lent.slot);
  stream.draining.clear();
  for (const wire::ScatterSlot& slot : stream.batch) table.release(slot.slot.slot);
  stream.batch.clear();
  for (const LentSlot& lent : stream.lent) {
    if (!lent.told) {
      table.release(lent.slot);
    } else if (stream.mapped()) {
      table.revoke(lent.slot, now);
    } else {
      table.quarantine(lent.slot, now);
    }
  }
  std::erase_if(stream.lent, [&](const LentSlot& lent) {
    return !table.is(lent.slot, lent.generation, stream.serial);
  });
  if (stream.mapped()) stream.lent.clear();
  set_polled(stream);
}

void SinkSide::try_proven(SinkStream& stream) {
  if (stream.state != core::SinkState::kFailing || !stream.lent.empty()) return;
  stream.state = *core::next(stream.state, core::SinkEvent::kProven);
  remove(stream);
}

void SinkSide::remove(SinkStream& stream) {
  const std::size_t base = stream.region->index() * context_.config.limits.max_streams;
  if (by_credit_[base + stream.credit] == &stream) {
    by_credit_[base + stream.credit] = nullptr;
    stream.region->credits().remove(stream.credit);
  }
  std::erase(polled_, &stream);
  streams_.erase(StreamKey(stream.key));
}

void SinkSide::forget(Receive& receive) {
  receives_.erase(receive.xfer.value);
  context_.probe.receives(static_cast<std::int64_t>(receives_.size()));
}

SinkSide::Deadline SinkSide::expired(const SinkStream& s, TimePoint now) const {
  const auto past = [now](const std::optional<TimePoint>& at) { return at && *at <= now; };
  if (past(s.offer_deadline)) return {Reason::kOfferTimeout, metrics::Timer::kOfferWait};
  if (past(s.compute_deadline)) return {Reason::kComputeTimeout, metrics::Timer::kCompute};
  if (past(s.progress_deadline)) return {Reason::kSourceStalled, metrics::Timer::kProgress};
  if (past(s.scatter_deadline)) return {Reason::kScatterTimeout, metrics::Timer::kScatter};
  return {};
}

void SinkSide::on_time(TimePoint now) {
  std::vector<StreamKey> due;
  std::vector<LinkPort*> silent;
  for (const auto& [key, stream] : streams_) {
    if (stream->receive != nullptr && expired(*stream, now).reason != Reason::kNone) {
      due.push_back(key);
    }
    const bool waits = stream->receive == nullptr && stream->quiesce_deadline;
    if (waits && *stream->quiesce_deadline <= now) silent.push_back(stream->link);
  }
  for (const StreamKey& key : due) {
    SinkStream* stream = find(key);
    if (stream == nullptr || stream->receive == nullptr) continue;
    const Deadline deadline = expired(*stream, now);
    stream->probe->deadline_hit(deadline.timer);
    fail(*stream->receive, deadline.reason, "source " + stream->link->peer());
  }
  std::vector<std::pair<std::uint64_t, Reason>> over;
  for (const auto& [xfer, receive] : receives_) {
    if (receive->total_deadline <= now) over.emplace_back(xfer, Reason::kTotalTimeout);
    if (receive->peer_deadline && *receive->peer_deadline <= now) {
      over.emplace_back(xfer, Reason::kNoPeer);
    }
  }
  for (const auto& [xfer, reason] : over) {
    const auto at = receives_.find(xfer);
    if (at == receives_.end()) continue;
    const bool peer = reason == Reason::kNoPeer;
    context_.probe.deadline_hit(peer ? metrics::Timer::kOfferWait : metrics::Timer::kTotal);
    fail(*at->second, reason, peer ? at->second->waiting_for : std::string());
  }
  std::sort(silent.begin(), silent.end());
  silent.erase(std::unique(silent.begin(), silent.end()), silent.end());
  for (LinkPort* link : silent) {
    const auto at = context_.links.find(link->id());
    if (at == context_.links.end()) continue;
    at->second.probe->deadline_hit(metrics::Timer::kQuiesce);
    at->second.probe->fenced();
    link->reset(Error(Code::kDeadlineExceeded, "no QUIESCED after ABORT: fencing the link"));
  }
}

std::optional<TimePoint> SinkSide::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [key, s] : streams_) {
    if (s->receive == nullptr) {
      take_earlier(next, s->quiesce_deadline);
      continue;
    }
    take_earlier(next, s->offer_deadline);
    take_earlier(next, s->compute_deadline);
    take_earlier(next, s->progress_deadline);
    take_earlier(next, s->scatter_deadline);
  }
  for (const auto& [xfer, receive] : receives_) {
    take_earlier(next, receive->total_deadline);
    take_earlier(next, receive->peer_deadline);
  }
  return next;
}

void SinkSide::on_gap(Nanos gap) {
  const auto extend = [gap](std::optional<TimePoint>& at) {
    if (at) *at += gap;
  };
  for (const auto& [key, s] : streams_) {
    extend(s->offer_deadline);
    extend(s->compute_deadline);
    extend(s->progress_deadline);
    extend(s->scatter_deadline);
    extend(s->quiesce_deadline);
  }
  for (const auto& [xfer, receive] : receives_) {
    receive->total_deadline += gap;
    extend(receive->peer_deadline);
  }
}

void SinkSide::describe(std::vector<TransferInfo>& out, TimePoint now) const {
  for (const auto& [xfer, receive] : receives_) {
    if (!receive->streams.empty()) continue;
    out.push_back({{receive->xfer, {}},
                   receive->request.key,
                   false,
                   receive->request.source.instance,
                   "waiting for the source",
                   0,
                   0,
                   now - receive->began});
  }
  for (const auto& [key, s] : streams_) {
    const Key name = s->receive != nullptr ? s->receive->request.key : Key{};
    out.push_back({key, name, false, s->link->peer(), std::string(core::to_string(s->state)),
                   s->scattered.count(), s->plan.n_chunks, now - s->asked});
  }
}

}  // namespace pegaflow::agent
