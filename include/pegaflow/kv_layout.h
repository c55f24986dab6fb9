// KvLayout: where the bytes of a pool lie in one engine process. Never leaves the client.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pegaflow/kv_shape.h"

namespace pegaflow {

enum class MemoryKind : std::uint8_t { kHost = 0, kCuda = 1 };

// One layer of one group. The byte (block b, token t, head h, part p, byte i) lies at
//   part_base[p] + b·block_stride + t·token_stride + h·head_stride + i
// with t in [0, block_tokens), h counted from this rank's first head. Strides are in bytes and may
// be in any order (NHD, HND, block first, layer first: all are strides); content is contiguous.
// A stride whose extent is 1 (one head, one token per block, one block) is not read.
// Both parts share the strides: K and V of unequal size in tensors of their own are two groups of
// one part each. Opaque groups use part_base[0] and block_stride alone.
struct KvLayerLayout {
  std::array<std::uint64_t, 2> part_base{};  // addresses
  std::uint64_t block_stride = 0;
  std::uint64_t token_stride = 0;
  std::uint64_t head_stride = 0;
  bool operator==(const KvLayerLayout&) const = default;
};

struct KvGroupLayout {
  std::vector<KvLayerLayout> layers;  // this rank's layers, in order
  std::uint32_t n_blocks = 0;         // valid block ids are [0, n_blocks)
};

// A run of memory that the engine owns for the pool's lifetime.
struct MemoryRange {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

// A pool: its shape, and where it lies. Every byte the layout can name must lie in one of
// `allocations` (which are disjoint, and each part of a layer lies in one of them); layers of
// different groups may alias the same bytes. core::check_layout checks all of it.
struct KvLayout {
  KvShape shape;
  MemoryKind memory = MemoryKind::kHost;
  std::vector<KvGroupLayout> groups;  // same order as shape.groups
  std::vector<MemoryRange> allocations;
};

}  // namespace pegaflow
