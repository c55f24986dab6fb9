// SinkSide: how streams and receives end, and how their slots come back.
#include <algorithm>

#include "agent/transfer/sink_side.h"

namespace pegaflow::agent {

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
  leave_credits(stream);  // it may wait for proofs; it must not be lent anything meanwhile
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

void SinkSide::leave_credits(SinkStream& stream) {
  const std::size_t base = stream.region->index() * context_.config.limits.max_streams;
  if (by_credit_[base + stream.credit] != &stream) return;
  by_credit_[base + stream.credit] = nullptr;
  stream.region->credits().remove(stream.credit);
}

void SinkSide::remove(SinkStream& stream) {
  leave_credits(stream);
  std::erase(polled_, &stream);
  streams_.erase(StreamKey(stream.key));
}

void SinkSide::forget(Receive& receive) {
  receives_.erase(receive.xfer.value);
  context_.probe.receives(static_cast<std::int64_t>(receives_.size()));
}

}  // namespace pegaflow::agent
