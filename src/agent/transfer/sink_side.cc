#include "agent/transfer/sink_side.h"

#include <algorithm>

#include "base/check.h"

namespace pegaflow::agent {
namespace {

// Serials of sink streams differ from those of source streams: slots of one table serve both.
constexpr std::uint64_t kSinkSerialBit = std::uint64_t{1} << 63U;

}  // namespace

SinkSide::SinkSide(TransferContext& context)
    : context_(context), next_xfer_(context.config.first_xfer), next_serial_(kSinkSerialBit | 1U) {
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
  poll();  // what it had filled counts: a stream that has all of it needs no writer any more
  const auto written = [writer](const SinkStream& s) { return s.writer == writer && s.mapped(); };
  const auto lacks = [&](const SinkStream& s) { return written(s) && !s.arrived.complete(); };
  fail_where(lacks, Reason::kEngineLost, "the source's writer ended");
  for (const auto& [key, stream] : streams_) {
    if (!written(*stream) || stream->receive == nullptr) continue;
    while (!stream->lent.empty()) give_back(*stream, stream->lent.size() - 1);
    update_timers(*stream);
  }
  for (const auto& region : context_.regions) {
    region->table().prove_writer(writer, [](SlotIndex) {});
    distribute(*region);
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
