#include "core/chunk_grid.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

namespace pegaflow::core {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20;

// 32 layers, 4 KiB per token and layer, blocks of 16 tokens on both sides, 4 MiB chunks.
GridInput usual(std::uint32_t begin, std::uint32_t end) {
  return {32, {begin, end}, 1, 4096, 16, 4 * kMiB};
}

TEST(ChunkGrid, cuts_a_long_prompt_into_full_chunks_of_one_layer) {
  const ChunkGrid grid = make_chunk_grid(usual(0, 8192));  // 1 GiB: the target is capped
  EXPECT_EQ(grid.tile_tokens, 1024U);
  EXPECT_EQ(grid.layers_per_chunk, 1U);
  EXPECT_EQ(grid.n_tiles, 8U);
  EXPECT_EQ(grid.n_layer_groups, 32U);
}

TEST(ChunkGrid, aims_at_a_sixteenth_of_the_stream) {
  const ChunkGrid grid = make_chunk_grid(usual(0, 256));  // 32 MiB: the target is 2 MiB
  EXPECT_EQ(grid.tile_tokens, 256U);
  EXPECT_EQ(grid.layers_per_chunk, 2U);
  EXPECT_EQ(grid.n_chunks(), 16U);
}

TEST(ChunkGrid, cuts_a_short_prompt_no_smaller_than_a_mebibyte) {
  const ChunkGrid grid = make_chunk_grid(usual(0, 16));  // 2 MiB
  EXPECT_EQ(grid.tile_tokens, 16U);
  EXPECT_EQ(grid.layers_per_chunk, 16U);
  EXPECT_EQ(grid.n_chunks(), 2U);
}

TEST(ChunkGrid, uses_small_chunks_whole_when_slots_are_small) {
  GridInput input = usual(0, 256);
  input.chunk_bytes = 256 << 10;
  EXPECT_EQ(make_chunk_grid(input).tile_tokens, 64U);
}

TEST(ChunkGrid, a_short_stream_comes_in_chunks_that_overlap) {
  constexpr std::uint32_t kKiB = 1U << 10;
  EXPECT_EQ(overlapping_chunk_bytes(kMiB, 4 * kMiB), 256 * kKiB);
  EXPECT_EQ(overlapping_chunk_bytes(3 * kMiB, 4 * kMiB), 512 * kKiB);
  EXPECT_EQ(overlapping_chunk_bytes(1024 * kMiB, 4 * kMiB), 4 * kMiB) << "as the link says";
  EXPECT_EQ(overlapping_chunk_bytes(1, 4 * kMiB), 256 * kKiB) << "not worth a chunk more";
  EXPECT_EQ(overlapping_chunk_bytes(kMiB, 64 * kKiB), 64 * kKiB);
}

TEST(ChunkGrid, rounds_tiles_down_to_whole_blocks_of_both_sides) {
  GridInput input = usual(0, 8192);
  input.align_tokens = std::lcm(16, 48);
  EXPECT_EQ(make_chunk_grid(input).tile_tokens, 1008U);  // of 1024
}

TEST(ChunkGrid, leaves_a_tile_that_covers_the_range_whole) {
  GridInput input = usual(5, 1000);
  input.align_tokens = std::lcm(16, 48);
  const ChunkGrid grid = make_chunk_grid(input);
  EXPECT_EQ(grid.n_tiles, 1U);
  EXPECT_EQ(tile_range(grid, input.tokens, 0), (TokenRange{5, 1000}));
}

TEST(ChunkGrid, leaves_tiles_alone_when_no_common_multiple_fits) {
  GridInput input = usual(5, 8192);
  input.align_tokens = 4096;
  const ChunkGrid grid = make_chunk_grid(input);
  EXPECT_EQ(grid.tile_tokens, 1024U);
  EXPECT_EQ(grid.origin, 5U);
}

TEST(ChunkGrid, cuts_the_first_tile_short_when_the_range_starts_inside_a_block) {
  const GridInput input = usual(1000, 4000);
  const ChunkGrid grid = make_chunk_grid(input);
  EXPECT_EQ(grid.origin, 992U);
  EXPECT_EQ(grid.tile_tokens, 1024U);
  EXPECT_EQ(tile_range(grid, input.tokens, 0), (TokenRange{1000, 2016}));
  EXPECT_EQ(tile_range(grid, input.tokens, 1), (TokenRange{2016, 3040}));
  EXPECT_EQ(tile_range(grid, input.tokens, 2), (TokenRange{3040, 4000}));
}

TEST(ChunkGrid, keeps_a_unit_that_is_larger_than_the_target_whole) {
  GridInput input = usual(0, 4);
  input.unit_bytes = 3 * kMiB;
  input.n_layers = 1;
  input.align_tokens = 1;
  const ChunkGrid grid = make_chunk_grid(input);
  EXPECT_EQ(grid.tile_tokens, 1U);
  EXPECT_EQ(grid.layers_per_chunk, 1U);
}

TEST(ChunkGrid, counts_block_order_in_whole_blocks) {
  const GridInput input{2, {32, 320}, 32, 700 << 10, 32, 4 * kMiB};
  const ChunkGrid grid = make_chunk_grid(input);
  EXPECT_EQ(grid.tile_tokens, 32U);  // target 1 MiB: one block
  EXPECT_EQ(grid.n_tiles, 9U);
  EXPECT_EQ(grid.n_layer_groups, 2U);
}

TEST(ChunkGrid, survives_the_largest_numbers) {
  const GridInput input{1024, {0, 1U << 30}, 1, 1ULL << 30, 1ULL << 48, 1ULL << 30};
  const ChunkGrid grid = make_chunk_grid(input);
  EXPECT_EQ(grid.n_chunks(), 1ULL << 40);
  EXPECT_EQ(tile_range(grid, input.tokens, grid.n_tiles - 1).end, 1U << 30);
}

GridInput random_input() {
  const auto between = [](std::uint64_t first, std::uint64_t last) {
    return *rc::gen::inRange<std::uint64_t>(first, last + 1);
  };
  GridInput input;
  input.n_layers = static_cast<std::uint32_t>(between(1, 80));
  input.unit_tokens = static_cast<std::uint32_t>(between(1, 3) == 1 ? between(1, 32) : 1);
  input.unit_bytes = between(1, 100000);
  input.align_tokens = input.unit_tokens * between(1, 64);
  input.chunk_bytes = input.unit_bytes + between(0, 8 << 20);
  const auto units = static_cast<std::uint32_t>(between(1, 5000));
  input.tokens.begin = static_cast<std::uint32_t>(between(0, 500)) * input.unit_tokens;
  input.tokens.end = input.tokens.begin + units * input.unit_tokens;
  return input;
}

RC_GTEST_PROP(ChunkGrid, tiles_follow_each_other_within_the_chunk_size, ()) {
  const GridInput input = random_input();
  const ChunkGrid grid = make_chunk_grid(input);
  std::uint32_t next = input.tokens.begin;
  for (std::uint32_t tile = 0; tile < grid.n_tiles; ++tile) {
    const TokenRange range = tile_range(grid, input.tokens, tile);
    RC_ASSERT(range.begin == next);
    RC_ASSERT(range.end > range.begin);
    RC_ASSERT(range.size() % input.unit_tokens == 0U);
    RC_ASSERT(range.size() / input.unit_tokens * input.unit_bytes * grid.layers_per_chunk <=
              input.chunk_bytes);
    next = range.end;
  }
  RC_ASSERT(next == input.tokens.end);
  RC_ASSERT(grid.layers_per_chunk >= 1U);
  RC_ASSERT(std::uint64_t{grid.n_layer_groups} * grid.layers_per_chunk >= input.n_layers);
  RC_ASSERT(std::uint64_t{grid.n_layer_groups - 1} * grid.layers_per_chunk < input.n_layers);
}

RC_GTEST_PROP(ChunkGrid, boundaries_lie_on_blocks_whenever_a_tile_holds_one, ()) {
  const GridInput input = random_input();
  const ChunkGrid grid = make_chunk_grid(input);
  if (grid.tile_tokens < input.align_tokens) return;
  for (std::uint32_t tile = 1; tile < grid.n_tiles; ++tile) {
    RC_ASSERT(tile_range(grid, input.tokens, tile).begin % input.align_tokens == 0U);
  }
}

}  // namespace
}  // namespace pegaflow::core
