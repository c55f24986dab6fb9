// check_shape, check_layout: the rules every pool must meet before anything computes with it.
// Shapes come from other nodes and layouts from engines, so neither is trusted: after these
// checks no product, sum or address that the rest of core forms can overflow or leave a pool.
#pragma once

#include <cstdint>

#include "pegaflow/kv_layout.h"
#include "pegaflow/kv_shape.h"
#include "pegaflow/result.h"

namespace pegaflow::core {

inline constexpr std::uint32_t kMaxGroups = KvShape::kMaxGroups;
inline constexpr std::uint32_t kMaxLayers = 1024;  // per group, over all pipeline stages
inline constexpr std::uint32_t kMaxHeads = 4096;
inline constexpr std::uint32_t kMaxRanks = 65536;            // dp · pp · tp of one instance
inline constexpr std::uint32_t kMaxPartBytes = 1U << 20;     // one head, one token
inline constexpr std::uint32_t kMaxBlockTokens = 1U << 24;   // a state group: one per sequence
inline constexpr std::uint64_t kMaxBlockBytes = 1ULL << 36;  // one block of one layer
inline constexpr std::uint32_t kMaxBlocks = 1U << 24;        // per group; one-token blocks exist
inline constexpr std::uint32_t kMaxAllocations = 65536;      // per pool
inline constexpr std::uint64_t kMaxAllocationBytes = 1ULL << 48;  // far more than any pool
inline constexpr std::uint32_t kMaxGpuUuidBytes = 64;

// kInvalidArgument with the field's path, its value and what was expected.
Status check_shape(const KvShape& shape);

// The shape's rules, and: as many groups and layers as the shape and rank say; every stride a
// multiple of the element; no two coordinates of a layer on the same bytes; every byte that a
// block id below n_blocks can name inside one allocation; inner_order 0 or true.
Status check_layout(const KvLayout& layout);

}  // namespace pegaflow::core
