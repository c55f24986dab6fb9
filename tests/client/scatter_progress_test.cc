#include "client/scatter_progress.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/core/layouts.h"

namespace pegaflow::client {
namespace {

class ScatterProgressTest : public ::testing::Test {
 protected:
  ScatterProgressTest() {
    KvShape shape;
    shape.groups = {core::testing::small_group(4), core::testing::small_group(2)};
    const std::vector<core::TokenRange> tokens{{8, 40}, {0, 40}};
    plan_ = core::plan_stream(shape, shape, tokens, 2048).value();
  }
  void place(ScatterProgress& progress, std::uint32_t begin, std::uint32_t end) {
    for (std::uint32_t i = begin; i < end; ++i) {
      EXPECT_TRUE(progress.accept(ChunkIndex{i}));
      progress.placed(ChunkIndex{i});
    }
  }
  core::StreamPlan plan_;
};

TEST_F(ScatterProgressTest, a_chunk_is_accepted_once) {
  ScatterProgress progress(plan_);
  EXPECT_TRUE(progress.accept(ChunkIndex{0}));
  EXPECT_FALSE(progress.accept(ChunkIndex{0}));
}

TEST_F(ScatterProgressTest, complete_when_every_chunk_is_placed) {
  ScatterProgress progress(plan_);
  place(progress, 0, plan_.n_chunks - 1);
  EXPECT_FALSE(progress.complete());
  EXPECT_TRUE(progress.accept(ChunkIndex{plan_.n_chunks - 1}));
  EXPECT_FALSE(progress.complete()) << "accepted is not placed";
  progress.placed(ChunkIndex{plan_.n_chunks - 1});
  EXPECT_TRUE(progress.complete());
  EXPECT_EQ(progress.placed_bytes(), plan_.bytes);
}

TEST_F(ScatterProgressTest, the_first_missing_token_needs_all_layers) {
  ScatterProgress progress(plan_);
  const core::ChunkGrid& grid = plan_.groups[0].grid;
  ASSERT_GT(grid.n_layer_groups, 1U);
  ASSERT_GT(grid.n_tiles, 1U);
  EXPECT_EQ(progress.first_missing_token(0), 8U);
  place(progress, 0, grid.n_layer_groups - 1);
  EXPECT_EQ(progress.first_missing_token(0), 8U);
  place(progress, grid.n_layer_groups - 1, grid.n_layer_groups);
  EXPECT_EQ(progress.first_missing_token(0),
            core::tile_range(grid, plan_.groups[0].tokens, 1).begin);
}

TEST_F(ScatterProgressTest, nothing_is_missing_of_a_group_that_is_not_brought) {
  ScatterProgress progress(plan_);
  EXPECT_FALSE(progress.first_missing_token(5).has_value());
  place(progress, 0, static_cast<std::uint32_t>(plan_.groups[0].grid.n_chunks()));
  EXPECT_FALSE(progress.first_missing_token(0).has_value());
  EXPECT_EQ(progress.first_missing_token(1), 0U);
}

}  // namespace
}  // namespace pegaflow::client
