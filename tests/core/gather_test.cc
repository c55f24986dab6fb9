// Chunks larger than the pieces they are summed in, with rows that are whole cache lines and rows
// that are not. Small and odd forms: transfer_property_test.cc.
#include "core/gather.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <tuple>

#include "base/crc32c.h"
#include "tests/core/layouts.h"

namespace pegaflow::core {
namespace {

using testing::TestPool;

constexpr std::uint32_t kTokens = 300;

// Part bytes, block tokens, source style, sink style.
using Form = std::tuple<std::uint32_t, std::uint32_t, BlockStyle, BlockStyle>;

class LargeChunks : public ::testing::TestWithParam<Form> {
 protected:
  static TestPool pool(BlockStyle style, std::uint32_t block_tokens) {
    KvShape shape;
    shape.groups = {testing::small_group(2)};
    shape.groups[0].heads_total = 4;
    shape.groups[0].part_bytes = {std::get<0>(GetParam()), std::get<0>(GetParam())};
    shape.groups[0].block_tokens = block_tokens;
    const GroupStyle group{style, Placement::kPerLayer, kTokens / block_tokens + 3, 0};
    return {shape, std::span(&group, 1)};
  }

  static std::vector<std::uint32_t> shuffled(std::uint32_t n_blocks) {
    std::vector<std::uint32_t> ids(n_blocks);
    std::iota(ids.begin(), ids.end(), 0);
    std::shuffle(ids.begin(), ids.end(), std::mt19937(3));
    return ids;
  }
};

TEST_P(LargeChunks, arrive_with_equal_sums) {
  const std::uint32_t block_tokens = std::get<1>(GetParam());
  TestPool source = pool(std::get<2>(GetParam()), block_tokens);
  TestPool sink = pool(std::get<3>(GetParam()), block_tokens);
  const auto from = shuffled(source.layout().groups[0].n_blocks);
  const auto to = shuffled(sink.layout().groups[0].n_blocks);
  source.fill(1, 0, 0, kTokens, from);
  const TokenRange tokens{3, kTokens};
  const auto plan =
      plan_stream(source.shape(), sink.shape(), std::span(&tokens, 1), 256 << 10).value();
  const TableView from_view{from, 0};
  const TableView to_view{to, 0};
  std::vector<std::byte> slot(256 << 10);
  for (std::uint32_t i = 0; i < plan.n_chunks; ++i) {
    const ChunkIndex chunk{i};
    const std::uint32_t sum =
        gather_crc(plan, chunk, source.layout(), std::span(&from_view, 1), slot);
    EXPECT_EQ(sum, crc32c(std::span(slot).first(cell(plan, chunk).bytes)));
    EXPECT_EQ(scatter_crc(plan, chunk, sink.layout(), std::span(&to_view, 1), slot), sum);
  }
  const auto arrived = sink.memory();
  sink.fill(1, 0, tokens.begin, tokens.end, to);
  EXPECT_EQ(sink.memory(), arrived);
}

constexpr BlockStyle kStyles[] = {BlockStyle::kPartNhd,      BlockStyle::kPartHnd,
                                  BlockStyle::kBlockPartNhd, BlockStyle::kBlockPartHnd,
                                  BlockStyle::kNhdKv,        BlockStyle::kHndKv};

INSTANTIATE_TEST_SUITE_P(gather, LargeChunks,
                         ::testing::Combine(::testing::Values(64U, 160U),
                                            ::testing::Values(16U, 150U),
                                            ::testing::ValuesIn(kStyles),
                                            ::testing::ValuesIn(kStyles)));

TEST(Gather, dies_rather_than_write_beyond_a_short_slot) {
  KvShape shape;
  shape.groups = {testing::small_group(1)};
  const GroupStyle style{BlockStyle::kPartNhd, Placement::kPerLayer, 4, 0};
  TestPool pool(shape, std::span(&style, 1));
  const TokenRange tokens{0, 4};
  const auto plan = plan_stream(pool.shape(), pool.shape(), std::span(&tokens, 1), 4096).value();
  const std::vector<std::uint32_t> ids{2};
  const TableView view{ids, 0};
  std::vector<std::byte> slot(cell(plan, ChunkIndex{0}).bytes - 1);
  EXPECT_DEATH(gather(plan, ChunkIndex{0}, pool.layout(), std::span(&view, 1), slot),
               "slot_bytes >= cell.bytes");
}

}  // namespace
}  // namespace pegaflow::core
