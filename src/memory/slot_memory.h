// Slot words and slot headers of one region, in a control memfd that travels with the region's
// segments. Format: docs/formats/slot.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/strong_id.h"
#include "base/unique_fd.h"
#include "memory/shared_memory.h"
#include "pegaflow/result.h"

namespace pegaflow::memory {

// What the writer says about a slot's content; valid while the word says FILLED. Little-endian.
struct SlotHeader {
  std::uint64_t xfer = 0;
  std::uint32_t peer = 0;  // pool of the writer's engine
  std::uint32_t stream = 0;
  std::uint32_t chunk = 0;
  std::uint32_t bytes = 0;
  std::uint64_t checksum = 0;  // core/checksum.h; 0 when integrity is off
  std::uint64_t t_ready = 0;   // CLOCK_MONOTONIC nanoseconds of the writer's host
  std::uint64_t t_start = 0;
  std::uint64_t t_end = 0;       // the bytes are in this slot
  std::uint64_t t_gathered = 0;  // in a slot that an agent copied here: its gather's end; else 0
  bool operator==(const SlotHeader&) const = default;
};
static_assert(sizeof(SlotHeader) == 64);

// How long a slot was filled, in µs, by what its writer says: anything, if it lies.
struct SlotTimes {
  std::uint32_t gather_us = 0;
  std::uint32_t wire_us = 0;  // the agent's copy
  bool operator==(const SlotTimes&) const = default;
};
SlotTimes times_of(const SlotHeader& header);

using SlotWordAtomic = std::atomic<std::uint64_t>;
static_assert(SlotWordAtomic::is_always_lock_free && sizeof(SlotWordAtomic) == 8);

// Movable; addresses stay. Slot indices out of range are the caller's bug (CHECK): validate what
// comes from outside against slot_count() first.
class SlotControl {
 public:
  // 128 bytes per slot: a cache line with the word, a cache line with the header. All zero:
  // FREE(0).
  static constexpr std::size_t kBytesPerSlot = 128;

  static Result<SlotControl> create(std::uint32_t slot_count);
  // kProtocol: wrong size or seals.
  static Result<SlotControl> map(UniqueFd fd, std::uint32_t slot_count);

  SlotWordAtomic& word(SlotIndex slot) const;
  // Where the writer that claimed the slot writes.
  SlotHeader* header(SlotIndex slot) const;
  // A private copy, for readers: the shared one may change under a hostile writer at any time.
  SlotHeader read_header(SlotIndex slot) const;
  std::uint32_t slot_count() const { return slot_count_; }
  // All words and headers; whole pages are mapped.
  std::span<std::byte> bytes() const { return memory_.bytes(); }
  int fd() const { return memory_.fd(); }

 private:
  SlotControl(SharedMemory memory, std::uint32_t slot_count)
      : memory_(std::move(memory)), slot_count_(slot_count) {}
  std::byte* at(SlotIndex slot) const;
  SharedMemory memory_;
  std::uint32_t slot_count_;
};

}  // namespace pegaflow::memory
