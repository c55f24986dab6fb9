#include "tests/simulation/sim_region.h"

#include <cstring>

#include "base/check.h"
#include "tests/support/mapped_copy.h"

namespace pegaflow::simulation {
namespace {

memory::Region make(std::uint32_t slots) {
  auto region = memory::Region::create({"staging", MemoryKind::kHost, kSlotBytes, slots});
  PEGAFLOW_CHECK(region.ok());
  return std::move(*region);
}

std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31U);
}

constexpr std::size_t kStep = sizeof(std::uint64_t);

void write(std::span<std::byte> to, std::uint64_t seed, std::size_t begin, std::size_t end) {
  for (std::size_t at = begin; at + kStep <= end; at += kStep) {
    const std::uint64_t value = seed + at;
    std::memcpy(&to[at], &value, kStep);
  }
}

}  // namespace

SimRegion::SimRegion(std::uint32_t number, std::uint32_t slots)
    : uid(number), own(make(slots)), mapped(testing::mapped_copy_of(own)) {}

std::uint64_t truth(const Key& key, std::uint32_t source_rank, std::uint64_t plan_hash,
                    ChunkIndex chunk) {
  std::uint64_t seed = 0;
  std::memcpy(&seed, key.bytes.data(), sizeof seed);
  return mix(mix(seed + source_rank) ^ mix(plan_hash + chunk.value));
}

void write_first_half(std::span<std::byte> to, std::uint64_t seed) {
  write(to, seed, 0, to.size() / 2 / kStep * kStep);
}

void write_second_half(std::span<std::byte> to, std::uint64_t seed) {
  write(to, seed, to.size() / 2 / kStep * kStep, to.size());
}

bool holds(std::span<const std::byte> bytes, std::uint64_t seed) {
  for (std::size_t at = 0; at + kStep <= bytes.size(); at += kStep) {
    const std::uint64_t expected = seed + at;
    if (std::memcmp(&bytes[at], &expected, kStep) != 0) return false;
  }
  return true;
}

}  // namespace pegaflow::simulation
