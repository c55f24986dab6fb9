#include "core/copy_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/core/layouts.h"

namespace pegaflow::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestPool;

// Lengths of the runs of tokens [0, 8) in a pool of this style and this table. One layer, 2 heads,
// K and V of 8 bytes, blocks of 4 tokens: 256 bytes in all.
std::vector<std::uint64_t> runs(BlockStyle style, std::vector<std::uint32_t> ids,
                                TokenRange tokens = {0, 8}) {
  KvShape shape;
  shape.groups = {testing::small_group(1)};
  shape.groups[0].heads_total = 2;
  const GroupStyle group{style, Placement::kPerLayer, 10, 0};
  TestPool pool(shape, std::span(&group, 1));
  KvShape canonical = pool.shape();
  canonical.groups[0].inner_order = 0;
  const auto plan = plan_stream(canonical, canonical, std::span(&tokens, 1), 4096).value();
  const GroupPlan& whole = plan.groups.at(0);
  std::vector<std::uint64_t> lengths;
  for_each_run(whole, {0, whole.layers, whole.tokens, plan.bytes}, pool.shape().groups[0],
               pool.layout().groups[0], pool.shape().rank, TableView{ids, 0},
               [&](std::uint64_t, std::uint64_t, std::uint64_t n) { lengths.push_back(n); });
  return lengths;
}

TEST(Runs, join_blocks_that_follow_each_other) {
  EXPECT_THAT(runs(BlockStyle::kNhdKv, {3, 4}), ElementsAre(256));
  EXPECT_THAT(runs(BlockStyle::kNhdKv, {4, 3}), ElementsAre(128, 128));
  EXPECT_THAT(runs(BlockStyle::kNhdKv, {3, 4}, {1, 6}), ElementsAre(5 * 32));
}

TEST(Runs, join_what_the_heads_allow) {
  EXPECT_EQ(runs(BlockStyle::kHndKv, {4, 3}), std::vector<std::uint64_t>(16, 16));
  EXPECT_EQ(runs(BlockStyle::kPartNhd, {4, 3}), std::vector<std::uint64_t>(32, 8));
}

TEST(Runs, start_a_block_at_its_lower_part) {
  KvShape shape;
  shape.groups = {testing::small_group(1)};
  const GroupStyle style{BlockStyle::kBlockPartNhd, Placement::kPerLayer, 10, 0};
  TestPool pool(shape, std::span(&style, 1));
  const TokenRange tokens{0, 4};
  const auto plan = plan_stream(pool.shape(), pool.shape(), std::span(&tokens, 1), 4096).value();
  ASSERT_EQ(plan.groups.at(0).order, WireOrder::kBlock);
  KvGroupLayout values_first = pool.layout().groups[0];
  auto& bases = values_first.layers[0].part_base;
  std::swap(bases[0], bases[1]);
  const std::vector<std::uint32_t> ids{3};
  std::uint64_t first = 0;
  for_each_run(plan.groups[0], cell(plan, ChunkIndex{0}), shape.groups[0], values_first, shape.rank,
               TableView{ids, 0},
               [&](std::uint64_t address, std::uint64_t, std::uint64_t) { first = address; });
  EXPECT_EQ(first, bases[1] + 3 * values_first.layers[0].block_stride);
}

TEST(Strips, name_the_next_strip_of_the_layer) {
  KvShape shape;
  shape.groups = {testing::small_group(2)};
  const GroupStyle style{BlockStyle::kNhdKv, Placement::kPerLayer, 10, 0};
  TestPool pool(shape, std::span(&style, 1));
  const TokenRange tokens{1, 11};
  const auto plan = plan_stream(pool.shape(), pool.shape(), std::span(&tokens, 1), 4096).value();
  const GroupPlan& whole = plan.groups.at(0);
  const std::vector<std::uint32_t> ids{7, 2, 5};
  std::vector<Strip> strips;
  for_each_strip(whole, {0, whole.layers, whole.tokens, plan.bytes}, pool.shape().groups[0],
                 pool.layout().groups[0], pool.shape().rank, TableView{ids, 0},
                 [&](const Strip& strip) { strips.push_back(strip); });
  ASSERT_EQ(strips.size(), 6u);
  for (const std::size_t i : {0, 1, 3, 4}) {
    EXPECT_EQ(strips[i].next_address, strips[i + 1].part_address[0]) << i;
  }
  for (const std::size_t i : {2, 5}) EXPECT_EQ(strips[i].next_address, 0u) << i;
}

TEST(CheckTable, accepts_a_table_that_covers_the_range) {
  KvShape shape;
  shape.groups = {testing::small_group(1)};
  GroupPlan plan;
  plan.tokens = {5, 12};
  const std::vector<std::uint32_t> ids{9, 0};
  EXPECT_TRUE(check_table(plan, shape.groups[0], 10, {ids, 1}).ok());
}

TEST(CheckTable, refuses_tables_that_end_too_early_or_start_too_late) {
  KvShape shape;
  shape.groups = {testing::small_group(1)};
  GroupPlan plan;
  plan.tokens = {5, 13};
  const std::vector<std::uint32_t> ids{9, 0};
  EXPECT_THAT(check_table(plan, shape.groups[0], 10, {ids, 1}).error().message(),
              HasSubstr("blocks [1, 3) of the sequence, but tokens [5, 13) lie in [1, 4)"));
  EXPECT_THAT(check_table(plan, shape.groups[0], 10, {ids, 2}).error().message(),
              HasSubstr("blocks [2, 4) of the sequence"));
  EXPECT_FALSE(check_table(plan, shape.groups[0], 10, {ids, 0xFFFFFFFFU}).ok());
}

TEST(CheckTable, refuses_ids_that_the_pool_does_not_have) {
  KvShape shape;
  shape.groups = {testing::small_group(1)};
  GroupPlan plan;
  plan.tokens = {4, 12};
  const std::vector<std::uint32_t> ids{77, 9, 10};
  EXPECT_THAT(check_table(plan, shape.groups[0], 10, {ids, 0}).error().message(),
              HasSubstr("block 2 of the sequence has id 10, but the pool has 10 blocks"));
  EXPECT_TRUE(check_table(plan, shape.groups[0], 11, {ids, 0}).ok()) << "id 77 is not needed";
}

TEST(CheckTables, names_the_group) {
  KvShape shape;
  shape.groups = {testing::small_group(1), testing::small_group(1)};
  const GroupStyle styles[] = {{BlockStyle::kNhdKv, Placement::kPerLayer, 4, 0},
                               {BlockStyle::kNhdKv, Placement::kPerLayer, 4, 0}};
  TestPool pool(shape, styles);
  const TokenRange tokens[] = {{0, 0}, {0, 8}};
  const auto plan = plan_stream(pool.shape(), pool.shape(), tokens, 4096).value();
  const std::vector<std::uint32_t> ids{1, 4};
  const TableView tables[] = {{}, {ids, 0}};
  EXPECT_THAT(check_tables(plan, pool.layout(), tables).error().message(),
              HasSubstr("groups[1]: block 1 of the sequence has id 4"));
  EXPECT_THAT(check_tables(plan, pool.layout(), std::span(tables).first(1)).error().message(),
              HasSubstr("1 block tables for 2 groups"));
}

}  // namespace
}  // namespace pegaflow::core
