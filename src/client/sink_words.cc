// SinkBook: lent slots whose words are looked at here, before the agent tells what they hold
// (ADR 105). Its SCATTER comes nevertheless, and finds what has begun.
#include <algorithm>

#include "client/limits.h"
#include "client/sink_book.h"
#include "core/slot_word.h"

namespace pegaflow::client {
namespace {

auto find_early(SinkStream& stream, const wire::SlotRef& slot) {
  return std::find_if(stream.early.begin(), stream.early.end(),
                      [&slot](const EarlyScatter& one) { return one.slot == slot; });
}

}  // namespace

void SinkBook::on_lent(const wire::RingLent& message) {
  const auto found = streams_.find(message.stream);
  if (found == streams_.end()) return;  // its receive has ended
  SinkStream& stream = *found->second;
  // SCATTER does without.
  if (stream.lent.size() + message.slots.size() > kMaxCreditsPerStream) return;
  stream.writer = message.writer;
  stream.shown = true;
  stream.lent.insert(stream.lent.end(), message.slots.begin(), message.slots.end());
  if (std::find(watched_.begin(), watched_.end(), &stream) == watched_.end()) {
    watched_.push_back(&stream);
  }
}

const wire::SlotRef* SinkBook::watched() const {
  const auto found = std::find_if(watched_.begin(), watched_.end(),
                                  [](const SinkStream* stream) { return !stream->lent.empty(); });
  return found == watched_.end() ? nullptr : &(*found)->lent.front();
}

void SinkBook::look_at_words(RegionTable& regions) {
  filling_ = false;
  for (SinkStream* stream : watched_) {
    const Receive& receive = *stream->receive;
    if (receive.end || receive.damaged || receive.gated || stream->stopping) continue;
    std::erase_if(stream->lent, [&](const wire::SlotRef& slot) {
      return room_for_scatters() && !look_at(*stream, slot, regions);
    });
  }
}

// False: there is nothing more to be seen at this slot.
bool SinkBook::look_at(SinkStream& stream, const wire::SlotRef& slot, RegionTable& regions) {
  const MappedSlots* region = regions.find(slot);
  if (region == nullptr || !region->own) return false;
  const memory::SlotControl& control = region->region.control();
  const std::uint64_t word = control.word(slot.slot).load(std::memory_order_acquire);
  if (word == core::loaned_word(slot.generation, stream.writer)) return true;
  if (word == core::claimed_word(slot.generation, stream.writer)) return filling_ = true;
  // Taken back, or what does not fit: that is for the agent to judge.
  if (word != core::filled_word(slot.generation, stream.writer)) return false;
  begin_early(stream, slot, control.read_header(slot.slot));
  return false;
}

void SinkBook::begin_early(SinkStream& stream, const wire::SlotRef& slot,
                           const memory::SlotHeader& header) {
  const ChunkIndex chunk{header.chunk};
  const bool fits =
      header.xfer == stream.key.xfer.value && header.stream == stream.key.stream.value &&
      chunk.value < stream.plan.n_chunks && header.bytes == core::cell(stream.plan, chunk).bytes;
  if (!fits || !stream.progress.accept(chunk)) return;
  wire::ScatterSlot what;
  what.slot = slot;
  what.chunk = chunk;
  what.bytes = header.bytes;
  what.checksum = static_cast<std::uint32_t>(header.checksum);
  what.t_ready_ns = header.t_ready;
  const memory::SlotTimes times = memory::times_of(header);
  what.gather_us = times.gather_us;
  what.wire_us = times.wire_us;
  stream.early.push_back({slot, false, true});
  queue_.try_push(Queued{stream.key, what, true});
}

// SCATTER for a slot: has it begun already? Nobody need look at the slot's word any more.
bool SinkBook::began_early(SinkStream& stream, const wire::SlotRef& slot) {
  std::erase(stream.lent, slot);
  const auto early = find_early(stream, slot);
  if (early == stream.early.end()) return false;
  early->told = true;
  if (!early->running) stream.early.erase(early);
  return true;
}

// It will not begin after all: the slot was taken back, or nobody wants it any more.
void SinkBook::drop_early(SinkStream& stream, const wire::ScatterSlot& slot) {
  const auto early = find_early(stream, slot.slot);
  if (early->told) {
    stream.receive->damaged = true;
    refuse(stream.key, slot);
  }
  stream.early.erase(early);
  stream.progress.give_back(slot.chunk);
}

void SinkBook::ended_early(SinkStream& stream, const wire::SlotRef& slot) {
  const auto early = find_early(stream, slot);
  if (early == stream.early.end()) return;
  early->running = false;
  if (early->told) stream.early.erase(early);
}

}  // namespace pegaflow::client
