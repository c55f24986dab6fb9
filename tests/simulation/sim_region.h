// SimRegion: an agent's staging memory with the view that other processes have of it. Real shared
// memory. It lives as long as the simulation: late writers may reach memory of agents long dead.
#pragma once

#include <cstdint>
#include <span>

#include "memory/region.h"

namespace pegaflow::simulation {

inline constexpr std::uint32_t kSlotBytes = 4096;

struct SimRegion {
  SimRegion(std::uint32_t number, std::uint32_t slots);

  std::uint32_t uid;  // no two regions of a simulation have the same
  memory::Region own;
  memory::MappedRegion mapped;

  std::atomic<std::uint64_t>& word(SlotIndex slot) { return mapped.control().word(slot); }
  std::span<std::byte> bytes(SlotIndex slot) { return mapped.slot(slot); }
};

// What a source's memory holds for one chunk, as a seed; what a slot must hold then.
std::uint64_t truth(const Key& key, std::uint32_t source_rank, std::uint64_t plan_hash,
                    ChunkIndex chunk);
void write_first_half(std::span<std::byte> to, std::uint64_t seed);
void write_second_half(std::span<std::byte> to, std::uint64_t seed);
bool holds(std::span<const std::byte> bytes, std::uint64_t seed);

}  // namespace pegaflow::simulation
