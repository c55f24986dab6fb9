// StreamPlan: everything that both ends of a stream must agree on: which layers, heads and tokens
// of one source rank go to one sink rank, in which order, and how they are cut into chunks.
// A pure function of two shapes, so that it need not travel; only its hash does.
// Format: docs/formats/wire_order.md. Values; thread safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/strong_id.h"
#include "core/chunk_grid.h"
#include "core/ranks.h"
#include "pegaflow/kv_shape.h"
#include "pegaflow/result.h"

namespace pegaflow::core {

// Order of a chunk's bytes, outermost first.
enum class WireOrder : std::uint8_t {
  kCanonical = 1,           // [layer][token][head][part][element]
  kBlock = 2,               // [layer][block][bytes as they lie]
  kTokenMajorReserved = 3,  // [token tile][layer]…, for the store; no plan has it
};

inline constexpr std::uint32_t kMaxTokens = 1U << 30;           // length of a sequence
inline constexpr std::uint64_t kMaxChunkBytes = 1ULL << 30;     // of a chunk, hence of a slot
inline constexpr std::uint32_t kMaxChunksPerStream = 1U << 20;  // 1 TiB in chunks of 1 MiB

// One KV group's share of a stream. Never empty.
struct GroupPlan {
  std::uint32_t group = 0;  // index into both shapes' groups
  WireOrder order = WireOrder::kCanonical;
  LayerRange layers;  // numbered in the whole group
  HeadRange heads;    // numbered in the whole model
  TokenRange tokens;  // as asked for; whole blocks in opaque groups (end rounded up)
  // A unit is one token (canonical) or one block (block order) of one layer.
  std::uint32_t unit_tokens = 0;
  std::uint64_t unit_bytes = 0;  // on the wire; canonical: bytes of one token of one layer
  ChunkGrid grid;
  std::uint32_t first_chunk = 0;  // chunks [first_chunk, first_chunk + grid.n_chunks())
  bool operator==(const GroupPlan&) const = default;
};

struct StreamPlan {
  std::vector<GroupPlan> groups;  // ascending `group`; groups without common bytes are left out
  std::uint32_t n_chunks = 0;     // 0: nothing to move (valid: the stream is done at once)
  std::uint64_t bytes = 0;        // of all chunks
  std::uint64_t hash = 0;         // plan_hash.h
  bool operator==(const StreamPlan&) const = default;
};

// The plan of the stream source rank → sink rank. `tokens` has one range per group; an empty one
// means that the group is not wanted. Opaque ranges must start on a block boundary.
// Heads that several source ranks hold are in the plan of one of them only (served_heads).
// kInvalidArgument when a shape, a range or chunk_bytes is out of bounds or the two pools can
// never exchange bytes (the message names both sides' values); kResourceExhausted when the plan
// would exceed kMaxChunksPerStream.
Result<StreamPlan> plan_stream(const KvShape& source, const KvShape& sink,
                               std::span<const TokenRange> tokens, std::uint64_t chunk_bytes);

// What one chunk holds.
struct ChunkCell {
  std::uint32_t group_index = 0;  // in StreamPlan::groups
  LayerRange layers;              // numbered in the whole group
  TokenRange tokens;
  std::uint64_t bytes = 0;
  bool operator==(const ChunkCell&) const = default;
};

// No allocation. REQUIRES chunk.value < plan.n_chunks.
ChunkCell cell(const StreamPlan& plan, ChunkIndex chunk);

}  // namespace pegaflow::core
