#include "client/block_table.h"

#include <gtest/gtest.h>

#include <vector>

namespace pegaflow::client {
namespace {

using Ids = std::vector<std::uint32_t>;

Ids ids_of(const BlockTable& table) {
  const auto view = table.view();
  return {view.ids.begin(), view.ids.end()};
}

TEST(BlockTable, covers_nothing_at_first) {
  const BlockTable table(10, 4, 100);
  EXPECT_EQ(table.covered_begin(), 0U);
  EXPECT_EQ(table.covered_end(), 0U);
}

TEST(BlockTable, grows_by_appending) {
  BlockTable table(10, 4, 100);
  ASSERT_TRUE(table.extend(0, Ids{7}).ok());
  EXPECT_EQ(table.covered_end(), 4U);
  ASSERT_TRUE(table.extend(1, Ids{9, 8}).ok());
  EXPECT_EQ(table.covered_end(), 12U);
  EXPECT_EQ(ids_of(table), (Ids{7, 9, 8}));
}

TEST(BlockTable, keeps_only_blocks_of_the_sequence) {
  BlockTable table(10, 4, 100);
  ASSERT_TRUE(table.extend(0, Ids{1, 2, 3, 4, 5}).ok());
  EXPECT_EQ(ids_of(table), (Ids{1, 2, 3}));
  ASSERT_TRUE(table.extend(3, Ids{9}).ok());
  EXPECT_EQ(ids_of(table), (Ids{1, 2, 3}));
}

TEST(BlockTable, may_start_behind_the_first_block) {
  BlockTable table(16, 4, 100);
  ASSERT_TRUE(table.extend(2, Ids{5, 6}).ok());
  EXPECT_EQ(table.covered_begin(), 8U);
  EXPECT_EQ(table.view().first_block, 2U);
  ASSERT_TRUE(table.extend(1, Ids{4}).ok());
  EXPECT_EQ(table.covered_begin(), 4U);
  EXPECT_EQ(ids_of(table), (Ids{4, 5, 6}));
}

TEST(BlockTable, refuses_a_gap) {
  BlockTable table(40, 4, 100);
  ASSERT_TRUE(table.extend(2, Ids{5}).ok());
  EXPECT_EQ(table.extend(4, Ids{6}).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(table.extend(0, Ids{6}).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(ids_of(table), (Ids{5}));
}

TEST(BlockTable, refuses_ids_that_the_pool_does_not_have) {
  BlockTable table(8, 4, 100);
  const auto status = table.extend(0, Ids{99, 100});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message().find("100"), std::string::npos);
  EXPECT_EQ(table.covered_end(), 0U);
}

TEST(BlockTable, known_blocks_change_only_by_replace) {
  BlockTable table(8, 4, 100);
  ASSERT_TRUE(table.extend(0, Ids{1, 2}).ok());
  EXPECT_TRUE(table.extend(0, Ids{1, 2}).ok());
  EXPECT_FALSE(table.extend(1, Ids{3}).ok());
  EXPECT_EQ(ids_of(table), (Ids{1, 2}));
  ASSERT_TRUE(table.replace(0, Ids{3}).ok());
  EXPECT_EQ(ids_of(table), (Ids{3}));
}

TEST(BlockTable, a_view_outlives_replace_in_what_replace_returns) {
  BlockTable table(8, 4, 100);
  ASSERT_TRUE(table.extend(0, Ids{1, 2}).ok());
  const auto view = table.view();
  const auto before = table.replace(0, Ids{3, 4});
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(view.ids[0], 1U);
  EXPECT_EQ(view.ids[1], 2U);
}

TEST(BlockTable, a_refused_replace_changes_nothing) {
  BlockTable table(8, 4, 100);
  ASSERT_TRUE(table.extend(0, Ids{1, 2}).ok());
  EXPECT_FALSE(table.replace(0, Ids{100}).ok());
  EXPECT_EQ(ids_of(table), (Ids{1, 2}));
}

}  // namespace
}  // namespace pegaflow::client
