// ChunkGrid: how the tokens × layers of one KV group are cut into chunks (PROTOCOL.md §3).
// Pure arithmetic on sizes; plan.h says what the sizes are. Thread safe.
#pragma once

#include <cstdint>

#include "core/ranks.h"

namespace pegaflow::core {

// Half-open range of token positions of a sequence (absolute, from its first token).
struct TokenRange {
  std::uint32_t begin = 0, end = 0;
  std::uint32_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
  bool operator==(const TokenRange&) const = default;
};

inline constexpr std::uint64_t kMinTargetBytes = 1ULL << 20;  // chunks are not cut smaller …
inline constexpr std::uint64_t kTargetShare = 16;             // … than this share of the stream

// What is cut. A unit is what a chunk boundary may not cut: a token of one layer in canonical
// order, a block of one layer in block order.
struct GridInput {
  std::uint32_t n_layers = 0;      // ≥ 1
  TokenRange tokens;               // not empty; multiples of unit_tokens
  std::uint32_t unit_tokens = 0;   // ≥ 1
  std::uint64_t unit_bytes = 0;    // ≥ 1, ≤ chunk_bytes
  std::uint64_t align_tokens = 0;  // lcm of both sides' block sizes; a multiple of unit_tokens
  std::uint64_t chunk_bytes = 0;
};

// Tile k covers the tokens [origin + k·tile_tokens, origin + (k+1)·tile_tokens) of the range; the
// first and the last may be shorter. Layer group m covers layers_per_chunk layers from
// m·layers_per_chunk (counted from the range's first). Chunk = tile · n_layer_groups + layer group.
struct ChunkGrid {
  std::uint32_t origin = 0;       // ≤ tokens.begin: where tile 0 would start
  std::uint32_t tile_tokens = 0;  // a multiple of align_tokens where tiles are cut and one fits
  std::uint32_t layers_per_chunk = 0;
  std::uint32_t n_tiles = 0;
  std::uint32_t n_layer_groups = 0;
  // At most 2^32 · 1024: callers bound it before they number chunks.
  std::uint64_t n_chunks() const { return std::uint64_t{n_tiles} * n_layer_groups; }
  bool operator==(const ChunkGrid&) const = default;
};

// The grid. A range that fits into one tile is one tile. Otherwise, when a tile holds at least one
// lcm of the block sizes, tiles start at multiples of it
// (the first tile is cut short where the range starts off one), so no block of either side is
// split between chunks except by the range itself. REQUIRES the bounds noted at GridInput.
ChunkGrid make_chunk_grid(const GridInput& input);

// chunk_bytes for a stream whose two copies are made by two processors, at most `most`: a short one
// comes in four chunks, unless they were smaller than 256 KiB, so that one is copied out while the
// next one is copied in (ADR 107).
std::uint32_t overlapping_chunk_bytes(std::uint64_t stream_bytes, std::uint32_t most);

// Tokens of tile `tile`, cut to `tokens`. REQUIRES tile < grid.n_tiles.
TokenRange tile_range(const ChunkGrid& grid, const TokenRange& tokens, std::uint32_t tile);

}  // namespace pegaflow::core
