// What a kernel launch is told: plain values that fit into its parameters. Shared by host code and
// kernels (move.cu).
#pragma once

#include <cstddef>
#include <cstdint>

namespace pegaflow::memory::cuda {

inline constexpr std::uint32_t kThreads = 512;
inline constexpr std::uint32_t kInFlight = 4;  // loads of one thread before its first store
inline constexpr std::uint32_t kMaxLaunchSlots = 32;
// Block ids that a CTA keeps in shared memory while it copies a stripe, and as many of the next.
inline constexpr std::uint32_t kCachedIds = 2048;

// n / divisor for n < 2^31, as a multiplication.
struct Divider {
  std::uint32_t divisor = 1;
  std::uint32_t factor = 0;  // 0: divisor is 1
  std::uint32_t shift = 0;
};

constexpr Divider make_divider(std::uint32_t divisor) {
  if (divisor == 1) return {};
  std::uint32_t log = 0;
  while ((std::uint64_t{1} << log) < divisor) ++log;
  const std::uint64_t power = std::uint64_t{1} << (31U + log);
  return {divisor, static_cast<std::uint32_t>((power + divisor - 1) / divisor), log - 1};
}

constexpr std::uint32_t divide(std::uint32_t value, const Divider& by) {
  if (by.factor == 0) return value;
  return static_cast<std::uint32_t>((std::uint64_t{value} * by.factor) >> 32U) >> by.shift;
}

// One layer of a pool; in device memory.
struct LayerAddress {
  std::uint64_t part_base[2];
  std::uint64_t block_stride;
  std::uint64_t token_stride;
  std::uint64_t head_stride;
};

// One slot of a launch. A unit is what one thread copies at once: 16, 8, 4, 2 or 1 bytes. The slot
// is [layer][token][head][part][unit]; in block order a whole block takes a token's place.
struct LaunchSlot {
  std::uint64_t slot;         // address
  std::uint64_t ids;          // of the blocks from the first token's on: their address, or where
                              // in the launch itself they are
  std::uint64_t header;       // gather; 0: none
  std::uint64_t word;         // gather
  std::uint64_t filled_word;  // gather
  Divider by_layer;           // units of a layer
  Divider by_token;           // units of a token
  Divider by_head;            // units of a head
  Divider by_block;           // tokens of a block
  std::uint32_t units;
  std::uint32_t part0_units;  // of a head: those of part 0
  std::uint32_t n_ids;
  std::uint32_t first_layer;     // in the table of layers
  std::uint32_t first_head;      // of this rank's
  std::uint32_t first_in_block;  // first token's place in its block
  std::uint32_t checksum;        // scatter: what is expected
  std::uint16_t result;          // which result and tally is this slot's
  std::uint8_t second_first;     // block order: the block begins with part 1
  std::uint8_t reserved;
};

// Where a unit of a slot lies: its block, as an index into the slot's ids, and the rest.
struct UnitPlace {
  std::uint32_t layer = 0, block = 0, in_block = 0, head = 0, unit = 0;
  bool second_part = false;
};

constexpr UnitPlace place_of(const LaunchSlot& slot, std::uint32_t unit) {
  UnitPlace place;
  place.layer = divide(unit, slot.by_layer);
  unit -= place.layer * slot.by_layer.divisor;
  const std::uint32_t token = divide(unit, slot.by_token);
  unit -= token * slot.by_token.divisor;
  place.head = divide(unit, slot.by_head);
  unit -= place.head * slot.by_head.divisor;
  place.second_part = unit >= slot.part0_units;
  place.unit = place.second_part ? unit - slot.part0_units : unit;
  place.block = divide(token + slot.first_in_block, slot.by_block);
  place.in_block = token + slot.first_in_block - place.block * slot.by_block.divisor;
  return place;
}

constexpr std::uint64_t address_of(const LaunchSlot& slot, const UnitPlace& place,
                                   const LayerAddress& layer, std::uint32_t block_id,
                                   std::uint32_t unit_bytes) {
  const bool second =
      place.second_part || (slot.second_first != 0 && layer.part_base[1] < layer.part_base[0]);
  return (second ? layer.part_base[1] : layer.part_base[0]) +
         std::uint64_t{block_id} * layer.block_stride +
         std::uint64_t{place.in_block} * layer.token_stride +
         std::uint64_t{slot.first_head + place.head} * layer.head_stride +
         std::uint64_t{place.unit} * unit_bytes;
}

// Where the CTAs that work on a slot count themselves; in device memory, all zero between launches.
struct Tally {
  std::uint64_t sum;
  std::uint64_t started;  // GPU time
  std::uint32_t finished;
  std::uint32_t reserved;
};

// What the slot's last CTA reports; in host memory.
struct SlotResult {
  std::uint64_t started;  // GPU time, in nanoseconds
  std::uint64_t ended;
  std::uint32_t checksum;
  std::uint32_t done;  // the number that the launch gave
};

struct Launch {
  std::uint64_t layers;    // LayerAddress[]
  std::uint64_t tallies;   // Tally[]
  std::uint64_t results;   // SlotResult[]
  std::int64_t clock;      // CLOCK_MONOTONIC minus GPU time
  std::uint32_t sequence;  // never 0
  std::uint32_t n_slots;
  std::uint32_t stripe_units;
  std::uint32_t stripes;  // of the longest slot
  LaunchSlot slots[kMaxLaunchSlots];
};
// Short block tables travel in the place of slots that a launch does not use.
constexpr std::size_t unused_bytes(std::uint32_t n_slots) {
  return (kMaxLaunchSlots - n_slots) * sizeof(LaunchSlot);
}
static_assert(sizeof(LaunchSlot) == 120 && sizeof(Launch) <= 4096);

}  // namespace pegaflow::memory::cuda
