// Builds shapes and layouts of the common KV cache forms: for engines written in C++, the demo,
// benchmarks and tests. Engines with tensors of their own fill KvLayout from their strides.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::core {

// How one layer's blocks lie, outermost first; "part" is K, V. Opaque groups ignore it.
enum class BlockStyle : std::uint8_t {
  kPartNhd,       // [part][block][token][head][element]: K and V tensors apart
  kPartHnd,       // [part][block][head][token][element]
  kBlockPartNhd,  // [block][part][token][head][element]: K and V of a block together
  kBlockPartHnd,  // [block][part][head][token][element]
  kNhdKv,         // [block][token][head][part][element]: K‖V of a head together
  kHndKv,         // [block][head][token][part][element]
};

// How a group's layers share memory.
enum class Placement : std::uint8_t {
  kPerLayer,    // an allocation for each layer (and for each part with kPart…)
  kLayerFirst,  // one allocation: [layer], then as the block style says
  kBlockFirst,  // one allocation: [block][layer], then the interior of a block
};

struct GroupStyle {
  BlockStyle block = BlockStyle::kPartNhd;
  Placement placement = Placement::kPerLayer;
  std::uint32_t n_blocks = 0;
  std::uint64_t block_padding = 0;  // unused bytes after each block (of each layer)
};

// Returns the address of `bytes` fresh bytes, aligned for the element.
using Allocate = std::function<Result<std::uint64_t>(std::uint64_t bytes)>;

// The layout of `shape`'s rank in the given styles (one per group); calls `allocate` once per
// allocation, in group and layer order. Sets inner_order of the shape's groups. The result has
// passed check_layout. kInvalidArgument; kPart… styles need equal part sizes; allocate's errors.
Result<KvLayout> make_layout(KvShape shape, std::span<const GroupStyle> styles, MemoryKind memory,
                             const Allocate& allocate);

// Stage bounds of `layers` layers over `pp_size` stages: as even as possible, longer ones first.
std::vector<std::uint32_t> even_stages(std::uint32_t layers, std::uint32_t pp_size);

}  // namespace pegaflow::core
