#include "pegaflow-demo/prompt.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pegaflow::demo {
namespace {

using std::chrono::milliseconds;

std::vector<Arrival> scaled(const std::vector<TraceRow>& rows, std::uint32_t divisor,
                            double time_scale = 1) {
  return arrivals_of(rows, {divisor}, time_scale);
}

TEST(Prompt, tokens_shrink_with_the_scale_and_keep_their_prefix_blocks) {
  const auto arrivals = scaled({{0, 1025, 1, {7, 8, 9}}}, 16);
  const auto& prompt = arrivals[0].prompt;
  EXPECT_EQ(prompt.n_tokens, 65u);
  EXPECT_EQ(prompt.tile_tokens, 32u);
  EXPECT_EQ(prompt.tiles.size(), 3u);
  EXPECT_EQ(prompt.content_at(31), prompt.tiles[0]);
  EXPECT_EQ(prompt.content_at(64), prompt.tiles[2]);
}

TEST(Prompt, arrival_times_count_from_the_first_row_and_scale) {
  const auto arrivals = scaled({{1000, 1, 1, {1}}, {1400, 1, 1, {2}}}, 1, 0.5);
  EXPECT_EQ(arrivals[0].at, milliseconds(0));
  EXPECT_EQ(arrivals[1].at, milliseconds(200));
}

TEST(Prompt, equal_prefixes_have_equal_block_keys_up_to_where_they_part) {
  const auto arrivals = scaled({{0, 2048, 1, {1, 2, 3, 4}}, {0, 2048, 1, {1, 2, 5, 4}}}, 16);
  // 32 tokens a tile: two equal tiles are 64 tokens, 4 blocks of 16.
  const auto a = arrivals[0].prompt.block_keys(16);
  const auto b = arrivals[1].prompt.block_keys(16);
  ASSERT_EQ(a.size(), 8u);
  EXPECT_TRUE(std::equal(a.begin(), a.begin() + 4, b.begin()));
  for (std::size_t i = 4; i < 8; ++i) EXPECT_NE(a[i], b[i]) << "block " << i;
}

TEST(Prompt, a_block_that_reaches_beyond_the_common_prefix_has_another_key) {
  const auto arrivals = scaled({{0, 2048, 1, {1, 2, 3, 4}}, {0, 2048, 1, {1, 2, 5, 4}}}, 16);
  const auto a = arrivals[0].prompt.block_keys(48);
  const auto b = arrivals[1].prompt.block_keys(48);
  EXPECT_EQ(a[0], b[0]);
  EXPECT_NE(a[1], b[1]);  // tokens [48, 96) are equal up to 64 only
}

TEST(Prompt, only_full_blocks_have_keys) {
  const auto arrivals = scaled({{0, 512, 1, {1}}}, 16);
  EXPECT_EQ(arrivals[0].prompt.block_keys(16).size(), 2u);
  EXPECT_EQ(arrivals[0].prompt.block_keys(20).size(), 1u);
  EXPECT_TRUE(arrivals[0].prompt.block_keys(33).empty());
}

TEST(Prompt, the_content_hash_tells_content_and_length_apart) {
  const auto arrivals = scaled({{0, 511, 1, {1}}, {0, 512, 1, {1}}, {0, 512, 1, {2}}}, 1);
  EXPECT_NE(arrivals[0].prompt.hash(), arrivals[1].prompt.hash());
  EXPECT_NE(arrivals[1].prompt.hash(), arrivals[2].prompt.hash());
}

}  // namespace
}  // namespace pegaflow::demo
