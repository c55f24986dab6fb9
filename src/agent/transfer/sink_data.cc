// SinkSide: chunks in, and on to the engine.
#include <algorithm>

#include "agent/transfer/sink_side.h"
#include "base/check.h"

namespace pegaflow::agent {

void SinkSide::on_bell() {
  for (SinkStream* stream : polled_) {
    if (stream->receive == nullptr) continue;
    const bool filling =
        std::any_of(stream->lent.begin(), stream->lent.end(), [stream](const LentSlot& lent) {
          return stream->region->table().look(lent.slot) != core::Observed::kUntouched;
        });
    if (filling) stream->receive->client->expect();
  }
}

bool SinkSide::poll() {
  bool found = false;
  for (std::size_t i = polled_.size(); i-- > 0;) {
    if (i < polled_.size()) found = look(*polled_[i]) || found;
  }
  return found;
}

bool SinkSide::waiting_for_words() const {
  return std::any_of(polled_.begin(), polled_.end(), [](const SinkStream* stream) {
    return stream->receive != nullptr && stream->draining.empty() &&
           stream->region->credits().owed(stream->credit) > 0;
  });
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
    found = true;
    if (!accept(stream, i, read_filled(stream, lent))) return true;
  }
  if (!found) return false;
  RegionSlots& region = *stream.region;
  hand_over(stream);
  update(stream);
  distribute(region);
  if (SinkStream* live = find(key); live != nullptr) send_credits(*live);
  return true;
}

wire::ScatterSlot SinkSide::read_filled(const SinkStream& stream, const LentSlot& lent) const {
  const memory::SlotHeader h = stream.region->region().control().read_header(lent.slot);
  const bool ours = h.xfer == stream.key.xfer.value && h.stream == stream.key.stream.value;
  wire::ScatterSlot chunk;
  chunk.slot = {RegionId{}, lent.slot, lent.generation};
  chunk.chunk = ChunkIndex{ours ? h.chunk : stream.plan.n_chunks};
  chunk.bytes = h.bytes;
  chunk.checksum = static_cast<std::uint32_t>(h.checksum);
  chunk.t_ready_ns = h.t_ready;
  const memory::SlotTimes times = memory::times_of(h);
  chunk.gather_us = times.gather_us;
  chunk.wire_us = times.wire_us;
  return chunk;
}

bool SinkSide::accept(SinkStream& stream, std::size_t at, const wire::ScatterSlot& chunk) {
  if (!admit(stream, at, chunk)) return false;
  stream.batch.push_back(chunk);
  if (stream.batch.full()) hand_over(stream);
  return true;
}

bool SinkSide::admit(SinkStream& stream, std::size_t at, const wire::ScatterSlot& chunk) {
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
    stream.draining.push_back({chunk.slot.slot, chunk.slot.generation});
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
  if (stream.receive != nullptr) {
    table.release(lent.slot);
    stream.region->credits().returned(stream.credit);
  } else if (table.is(lent.slot, lent.generation, stream.serial)) {
    table.prove(lent.slot);  // else a late CHUNK was its proof, and it may be another's now
  }
  set_polled(stream);
}

void SinkSide::drop_late(const SinkStream& stream, const wire::RemoteSlot& slot) {
  if (slot.region != stream.region->index()) return;
  core::SlotTable& table = stream.region->table();
  if (table.is(slot.slot, slot.generation, stream.serial)) table.prove(slot.slot);
}

void SinkSide::on_chunk(LinkPort& link, const wire::Chunk& message) {
  SinkStream* stream = on(link, message.stream);
  if (stream == nullptr || stream->receive == nullptr) {
    const auto at = context_.links.find(link.id());
    for (const wire::ChunkRecord& record : message.chunks) {
      // A chunk of an ended stream: its write is over, which is all that it proves.
      if (stream != nullptr) drop_late(*stream, record.slot);
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
        return lent.is(record.slot.slot, record.slot.generation);
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

bool SinkSide::see_scattered(SinkStream& stream, const wire::ScatteredSlot& item) {
  const auto at = std::find_if(
      stream.lent.begin(), stream.lent.end(),
      [&item](const LentSlot& lent) { return lent.is(item.slot.slot, item.slot.generation); });
  if (at == stream.lent.end() || stream.region->table().look(at->slot) != core::Observed::kFilled) {
    return true;
  }
  const wire::ScatterSlot chunk = read_filled(stream, *at);
  if (!admit(stream, static_cast<std::size_t>(at - stream.lent.begin()), chunk)) return false;
  stream.region->table().drain(chunk.slot.slot);
  stream.draining.push_back({chunk.slot.slot, chunk.slot.generation});
  return true;
}

void SinkSide::on_scattered(ClientPort& client, const wire::RingScattered& message) {
  SinkStream* stream = find(message.stream);
  if (stream == nullptr || stream->receive == nullptr || stream->receive->client != &client) return;
  for (const wire::ScatteredSlot& item : message.slots) {
    if (stream->shows_lent && !see_scattered(*stream, item)) return;
    const auto at = std::find_if(
        stream->draining.begin(), stream->draining.end(),
        [&item](const LentSlot& lent) { return lent.is(item.slot.slot, item.slot.generation); });
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
  // The pool it is to read from may have gone before the client came to the stream.
  const auto pools = stream->link->peer_pools();
  const bool gone = std::none_of(pools.begin(), pools.end(), [stream](const PeerPool& pool) {
    return pool.id == stream->source_pool;
  });
  if (gone) return fail(*stream->receive, Reason::kEngineLost, "an engine of the source ended");
  fail(*stream->receive, Reason::kPlan, "the client could not follow the plan of this stream");
}

}  // namespace pegaflow::agent
