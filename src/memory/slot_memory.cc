#include "memory/slot_memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "base/check.h"

namespace pegaflow::memory {
namespace {

constexpr std::size_t kHeaderOffset = SlotControl::kBytesPerSlot / 2;

std::size_t bytes_for(std::uint32_t slot_count) {
  return SlotControl::kBytesPerSlot * std::size_t{slot_count};
}

}  // namespace

Result<SlotControl> SlotControl::create(std::uint32_t slot_count) {
  PEGAFLOW_ASSIGN(SharedMemory memory,
                  SharedMemory::create("pegaflow-slot-control", bytes_for(slot_count)));
  return SlotControl(std::move(memory), slot_count);
}

Result<SlotControl> SlotControl::map(UniqueFd fd, std::uint32_t slot_count) {
  PEGAFLOW_ASSIGN(SharedMemory memory,
                  SharedMemory::map("slot control", std::move(fd), bytes_for(slot_count)));
  return SlotControl(std::move(memory), slot_count);
}

std::byte* SlotControl::at(SlotIndex slot) const {
  PEGAFLOW_CHECK(slot.value < slot_count_);
  return memory_.bytes().data() + kBytesPerSlot * slot.value;
}

SlotWordAtomic& SlotControl::word(SlotIndex slot) const {
  return *reinterpret_cast<SlotWordAtomic*>(at(slot));
}

SlotHeader* SlotControl::header(SlotIndex slot) const {
  return reinterpret_cast<SlotHeader*>(at(slot) + kHeaderOffset);
}

SlotHeader SlotControl::read_header(SlotIndex slot) const {
  std::array<std::uint64_t, sizeof(SlotHeader) / 8> copy{};
  auto* shared = reinterpret_cast<std::uint64_t*>(at(slot) + kHeaderOffset);
  for (std::size_t i = 0; i < copy.size(); ++i) {
    copy[i] = std::atomic_ref(shared[i]).load(std::memory_order_relaxed);
  }
  return std::bit_cast<SlotHeader>(copy);
}

SlotTimes times_of(const SlotHeader& header) {
  const auto micros = [](std::uint64_t from, std::uint64_t to) {
    if (to <= from) return std::uint32_t{0};
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>((to - from) / 1000, std::numeric_limits<std::uint32_t>::max()));
  };
  if (header.t_gathered == 0) return {micros(header.t_start, header.t_end), 0};
  return {micros(header.t_start, header.t_gathered), micros(header.t_gathered, header.t_end)};
}

}  // namespace pegaflow::memory
