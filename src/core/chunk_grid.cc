#include "core/chunk_grid.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace pegaflow::core {
namespace {

// a · b, or the largest number: targets are capped anyway.
std::uint64_t multiply_or_max(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::uint64_t>::max()
                                                : product;
}

std::uint64_t target_bytes(const GridInput& input) {
  if (input.chunk_bytes < kMinTargetBytes) return input.chunk_bytes;
  const std::uint64_t units = input.tokens.size() / input.unit_tokens;
  const std::uint64_t stream = multiply_or_max(units * input.n_layers, input.unit_bytes);
  return std::clamp(stream / kTargetShare, kMinTargetBytes, input.chunk_bytes);
}

std::uint64_t divide_up(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

}  // namespace

ChunkGrid make_chunk_grid(const GridInput& input) {
  const std::uint64_t target = target_bytes(input);
  const std::uint64_t units_in_range = input.tokens.size() / input.unit_tokens;
  const std::uint64_t units =
      std::max<std::uint64_t>(1, std::min(units_in_range, target / input.unit_bytes));
  std::uint64_t tile = units * input.unit_tokens;
  std::uint64_t origin = input.tokens.begin;
  // One tile that covers the range is cut nowhere, so there is nothing to align.
  if (tile >= input.align_tokens && units < units_in_range) {
    tile -= tile % input.align_tokens;
    origin -= origin % input.align_tokens;
  }
  const std::uint64_t tile_bytes = tile / input.unit_tokens * input.unit_bytes;
  const std::uint64_t layers = std::clamp<std::uint64_t>(target / tile_bytes, 1, input.n_layers);

  ChunkGrid grid;
  grid.origin = static_cast<std::uint32_t>(origin);
  grid.tile_tokens = static_cast<std::uint32_t>(tile);
  grid.layers_per_chunk = static_cast<std::uint32_t>(layers);
  grid.n_tiles = static_cast<std::uint32_t>(divide_up(input.tokens.end - origin, tile));
  grid.n_layer_groups = static_cast<std::uint32_t>(divide_up(input.n_layers, layers));
  return grid;
}

std::uint32_t overlapping_chunk_bytes(std::uint64_t stream_bytes, std::uint32_t most) {
  constexpr std::uint64_t kChunks = 4;
  constexpr std::uint64_t kSmallest = 256U << 10;
  const std::uint64_t share = std::max(std::bit_floor(stream_bytes / kChunks), kSmallest);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(share, most));
}

TokenRange tile_range(const ChunkGrid& grid, const TokenRange& tokens, std::uint32_t tile) {
  const std::uint64_t begin = grid.origin + std::uint64_t{tile} * grid.tile_tokens;
  const std::uint64_t end = begin + grid.tile_tokens;
  return {static_cast<std::uint32_t>(std::max<std::uint64_t>(begin, tokens.begin)),
          static_cast<std::uint32_t>(std::min<std::uint64_t>(end, tokens.end))};
}

}  // namespace pegaflow::core
