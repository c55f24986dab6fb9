// SinkSide: credits out, chunks in.
#include <algorithm>

#include "agent/transfer/sink_side.h"
#include "base/check.h"

namespace pegaflow::agent {
namespace {

std::uint32_t micros_between(std::uint64_t from, std::uint64_t to) {
  return to <= from ? 0
                    : static_cast<std::uint32_t>(std::min<std::uint64_t>((to - from) / 1000, ~0U));
}

bool same(const LentSlot& lent, SlotIndex slot, Generation generation) {
  return lent.slot == slot && lent.generation == generation;
}

}  // namespace

std::optional<LentSlot> SinkSide::lend(SinkStream& stream) {
  const auto loan = stream.region->table().loan(stream.writer, stream.serial);
  if (!loan) return {};
  stream.lent.push_back({loan->slot, loan->generation, false, false});
  set_polled(stream);
  return stream.lent.back();
}

void SinkSide::set_polled(SinkStream& stream) {
  if (!stream.mapped()) return;
  const auto at = std::find(polled_.begin(), polled_.end(), &stream);
  if (stream.lent.empty() && at != polled_.end()) {
    *at = polled_.back();
    polled_.pop_back();
  } else if (!stream.lent.empty() && at == polled_.end()) {
    polled_.push_back(&stream);
  }
}

void SinkSide::distribute(RegionSlots& region) {
  const std::size_t base = region.index() * context_.config.limits.max_streams;
  touched_.clear();
  while (region.table().free_count() > 0 && !touched_.full()) {
    const auto next = region.credits().next();
    if (!next) break;
    SinkStream* stream = by_credit_[base + *next];
    PEGAFLOW_CHECK(lend(*stream).has_value());
    if (std::find(touched_.begin(), touched_.end(), stream) == touched_.end()) {
      touched_.push_back(stream);
    }
  }
  for (SinkStream* stream : touched_) {
    update_timers(*stream);
    send_credits(*stream);
  }
  if (touched_.full()) return distribute(region);
  if (region.table().free_count() == 0 && region.credits().starving()) {
    region.starved();
    recall_eager(region);
  }
}

void SinkSide::send_credits(SinkStream& stream) {
  if (!stream.link->window_open()) return;
  wire::Credit message{stream.key, {}};
  for (LentSlot& lent : stream.lent) {
    if (lent.told || message.slots.full()) continue;
    lent.told = true;
    message.slots.push_back({stream.region->index(), lent.slot, lent.generation});
  }
  if (!message.slots.empty()) stream.link->send(message);
}

void SinkSide::on_link_writable(LinkPort& link) {
  for (const auto& [key, stream] : streams_) {
    if (stream->link == &link && stream->receive != nullptr) send_credits(*stream);
  }
}

// A stream with ready data finds no slot while others hold one for data that isn't ready.
void SinkSide::recall_eager(RegionSlots& region) {
  std::vector<SinkStream*> holders;
  for (const auto& [key, stream] : streams_) {
    if (stream->receive != nullptr && stream->region == &region && !stream->lent.empty() &&
        region.credits().holds_eager(stream->credit)) {
      holders.push_back(stream.get());
    }
  }
  bool won = false;
  for (SinkStream* stream : holders) {
    LentSlot& lent = stream->lent.back();
    if (!stream->mapped()) {
      if (!lent.revoking) {
        lent.revoking = true;
        stream->link->send(wire::Revoke{stream->key, {region.index(), lent.slot, lent.generation}});
      }
      continue;
    }
    if (region.table().look(lent.slot) != core::Observed::kUntouched) continue;
    if (region.table().revoke(lent.slot, context_.now()) == core::Recall::kFreed) {
      won = true;
      stream->lent.pop_back();
      region.credits().returned(stream->credit);
      set_polled(*stream);
    }
  }
  if (won) distribute(region);
}

bool SinkSide::poll() {
  bool found = false;
  for (std::size_t i = polled_.size(); i-- > 0;) {
    if (i < polled_.size()) found = look(*polled_[i]) || found;
  }
  return found;
}

bool SinkSide::look(SinkStream& stream) {
  const StreamKey key = stream.key;
  core::SlotTable& table = stream.region->table();
  bool found = false;
  for (std::size_t i = stream.lent.size(); i-- > 0;) {
    const LentSlot lent = stream.lent[i];
    switch (table.look(lent.slot)) {
      case core::Observed::kUntouched:
      case core::Observed::kClaimed:
        continue;
      case core::Observed::kVoided:
        give_back(stream, i);
        found = true;
        continue;
      case core::Observed::kBroken:
        fail(*stream.receive, Reason::kProtocol, "a slot's word was overwritten");
        return true;
      case core::Observed::kFilled:
        break;
    }
    const memory::SlotHeader h = stream.region->region().control().read_header(lent.slot);
    const bool ours = h.xfer == key.xfer.value && h.stream == key.stream.value;
    wire::ScatterSlot chunk;
    chunk.slot = {RegionId{}, lent.slot, lent.generation};
    chunk.chunk = ChunkIndex{ours ? h.chunk : stream.plan.n_chunks};
    chunk.bytes = h.bytes;
    chunk.checksum = static_cast<std::uint32_t>(h.checksum);
    chunk.t_ready_ns = h.t_ready;
    chunk.gather_us = micros_between(h.t_start, h.t_end);
    found = true;
    if (!accept(stream, i, chunk)) return true;
  }
  if (!found) return false;
  RegionSlots& region = *stream.region;
  hand_over(stream);
  update(stream);
  distribute(region);
  if (SinkStream* live = find(key); live != nullptr) send_credits(*live);
  return true;
}

bool SinkSide::accept(SinkStream& stream, std::size_t at, const wire::ScatterSlot& chunk) {
  const LentSlot lent = stream.lent[at];
  const bool right = stream.arrived.in_range(chunk.chunk) &&
                     !stream.arrived.contains(chunk.chunk) &&
                     chunk.bytes == core::cell(stream.plan, chunk.chunk).bytes;
  if (!right) {
    fail(*stream.receive, Reason::kProtocol,
         "chunk " + std::to_string(chunk.chunk.value) + " of " + std::to_string(chunk.bytes) +
             " bytes is not one that " + stream.link->peer() + " owes");
    return false;
  }
  stream.region->table().accept(lent.slot);
  stream.region->credits().filled(stream.credit);
  stream.arrived.insert(chunk.chunk);
  stream.lent[at] = stream.lent.back();
  stream.lent.pop_back();
  set_polled(stream);
  stream.progress_deadline.reset();  // progress was made
  stream.probe->chunk_received(chunk.bytes);
  stream.probe->stage(metrics::Stage::kGather, std::chrono::microseconds(chunk.gather_us));
  if (chunk.wire_us != 0) {
    stream.probe->stage(metrics::Stage::kWire, std::chrono::microseconds(chunk.wire_us));
  }
  stream.batch.push_back(chunk);
  if (stream.batch.full()) hand_over(stream);
  return true;
}

void SinkSide::hand_over(SinkStream& stream) {
  if (stream.batch.empty()) return;
  const auto region = stream.receive->client->own_region(stream.region->index());
  PEGAFLOW_CHECK(region.has_value());
  wire::RingScatter message{stream.key, {}};
  for (wire::ScatterSlot chunk : stream.batch) {
    chunk.slot.region = *region;
    stream.region->table().drain(chunk.slot.slot);
    stream.draining.push_back({chunk.slot.slot, chunk.slot.generation, false, false});
    message.slots.push_back(chunk);
  }
  stream.batch.clear();
  if (!stream.scatter_deadline) {
    stream.scatter_deadline = context_.now() + context_.config.deadlines.scatter;
  }
  stream.receive->client->send(message);
}

void SinkSide::give_back(SinkStream& stream, std::size_t at) {
  const LentSlot lent = stream.lent[at];
  core::SlotTable& table = stream.region->table();
  stream.lent[at] = stream.lent.back();
  stream.lent.pop_back();
  if (table.state(lent.slot) == core::SlotState::kLoaned) {
    table.release(lent.slot);
    stream.region->credits().returned(stream.credit);
  } else {
    table.prove(lent.slot);
  }
  set_polled(stream);
}

void SinkSide::drop_late(const wire::RemoteSlot& slot) {
  RegionSlots* region = context_.region(slot.region);
  if (region == nullptr || slot.slot.value >= region->table().size()) return;
  if (region->table().generation(slot.slot) == slot.generation) region->table().prove(slot.slot);
}

void SinkSide::on_chunk(LinkPort& link, const wire::Chunk& message) {
  SinkStream* stream = on(link, message.stream);
  if (stream == nullptr || stream->receive == nullptr) {
    const auto at = context_.links.find(link.id());
    for (const wire::ChunkRecord& record : message.chunks) {
      // A chunk of an ended stream: its write is over, which is all that it proves.
      if (stream != nullptr) drop_late(record.slot);
      if (at != context_.links.end()) at->second.probe->chunk_dropped();
    }
    return;
  }
  for (const wire::ChunkRecord& record : message.chunks) {
    if (!accept_record(*stream, record)) return;
  }
  RegionSlots& region = *stream->region;
  hand_over(*stream);
  update(*stream);
  distribute(region);
  if (SinkStream* live = find(message.stream); live != nullptr) send_credits(*live);
}

bool SinkSide::accept_record(SinkStream& stream, const wire::ChunkRecord& record) {
  const auto at =
      std::find_if(stream.lent.begin(), stream.lent.end(), [&record](const LentSlot& lent) {
        return same(lent, record.slot.slot, record.slot.generation);
      });
  if (at == stream.lent.end() || record.slot.region != stream.region->index() || stream.mapped()) {
    fail(*stream.receive, Reason::kProtocol, "CHUNK names a slot that is not lent to it");
    return false;
  }
  wire::ScatterSlot chunk;
  chunk.slot = {RegionId{}, record.slot.slot, record.slot.generation};
  chunk.chunk = record.chunk;
  chunk.bytes = record.bytes;
  chunk.checksum = record.checksum;
  chunk.t_ready_ns = record.t_ready_ns;
  chunk.gather_us = record.gather_us;
  chunk.wire_us = record.wire_us;
  return accept(stream, static_cast<std::size_t>(at - stream.lent.begin()), chunk);
}

void SinkSide::on_return(LinkPort& link, const wire::Return& message) {
  SinkStream* stream = on(link, message.stream);
  if (stream == nullptr) return;
  RegionSlots& region = *stream->region;
  for (const wire::RemoteSlot& slot : message.slots) {
    const auto at = std::find_if(
        stream->lent.begin(), stream->lent.end(),
        [&slot](const LentSlot& lent) { return same(lent, slot.slot, slot.generation); });
    if (at != stream->lent.end() && slot.region == region.index()) {
      give_back(*stream, static_cast<std::size_t>(at - stream->lent.begin()));
    }
  }
  if (stream->receive != nullptr) {
    update(*stream);
  } else {
    try_proven(*stream);
  }
  distribute(region);
}

void SinkSide::on_scattered(ClientPort& client, const wire::RingScattered& message) {
  SinkStream* stream = find(message.stream);
  if (stream == nullptr || stream->receive == nullptr || stream->receive->client != &client) return;
  for (const wire::ScatteredSlot& item : message.slots) {
    const auto at = std::find_if(
        stream->draining.begin(), stream->draining.end(),
        [&item](const LentSlot& lent) { return same(lent, item.slot.slot, item.slot.generation); });
    const bool known = at != stream->draining.end() && stream->arrived.in_range(item.chunk) &&
                       stream->arrived.contains(item.chunk);
    if (!known || !item.ok) {
      if (known) stream->probe->checksum_failed();
      return fail(*stream->receive, known ? Reason::kChecksum : Reason::kProtocol,
                  "chunk " + std::to_string(item.chunk.value) + " from " + stream->link->peer());
    }
    stream->region->table().release(item.slot.slot);
    *at = stream->draining.back();
    stream->draining.pop_back();
    stream->scattered.insert(item.chunk);
    stream->probe->stage(metrics::Stage::kScatter, std::chrono::microseconds(item.scatter_us));
  }
  stream->scatter_deadline.reset();
  if (!stream->draining.empty()) {
    stream->scatter_deadline = context_.now() + context_.config.deadlines.scatter;
  }
  RegionSlots& region = *stream->region;
  update(*stream);
  distribute(region);
  if (SinkStream* live = find(message.stream); live != nullptr) send_credits(*live);
}

void SinkSide::on_stopped(ClientPort& client, const wire::RingStopped& message) {
  SinkStream* stream = find(message.stream);
  if (stream == nullptr || stream->receive == nullptr || stream->receive->client != &client) return;
  fail(*stream->receive, Reason::kPlan, "the client could not follow the plan of this stream");
}

void SinkSide::update(SinkStream& stream) {
  if (stream.offered && stream.scattered.complete()) return verified(stream);
  core::Credits& credits = stream.region->credits();
  if (stream.offered) {
    const bool owed = credits.ready(stream.credit) > credits.received(stream.credit);
    const auto event = owed ? core::SinkEvent::kOwed : core::SinkEvent::kNothingOwed;
    stream.state = *core::next(stream.state, event);
  }
  update_timers(stream);
  send_credits(stream);
}

void SinkSide::update_timers(SinkStream& stream) {
  const core::Credits& credits = stream.region->credits();
  const TimePoint now = context_.now();
  const auto run = [now](std::optional<TimePoint>& deadline, bool runs, Nanos limit) {
    if (!runs) {
      deadline.reset();
    } else if (!deadline) {
      deadline = now + limit;
    }
  };
  const std::uint32_t asked_ms = stream.receive->request.compute_ms;
  const Nanos compute = asked_ms == 0 ? context_.config.deadlines.compute : Millis(asked_ms);
  const bool computing = stream.offered && !stream.arrived.complete() &&
                         credits.ready(stream.credit) <= credits.received(stream.credit);
  run(stream.compute_deadline, computing && compute > Nanos{}, compute);
  run(stream.progress_deadline, credits.owed(stream.credit) > 0,
      context_.config.deadlines.progress);
}

}  // namespace pegaflow::agent
