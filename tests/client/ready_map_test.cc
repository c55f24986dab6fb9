#include "client/ready_map.h"

#include <gtest/gtest.h>

#include <array>

namespace pegaflow::client {
namespace {

constexpr std::array<std::uint32_t, 3> kLayers{3, 0, 2};

TEST(ReadyMap, nothing_is_ready_at_first) {
  const ReadyMap map(kLayers, 10);
  EXPECT_EQ(map.ready_end(0, 0, 3), 0U);
  EXPECT_EQ(map.ready_end(), 0U);
}

TEST(ReadyMap, a_range_of_layers_is_as_ready_as_its_slowest) {
  ReadyMap map(kLayers, 10);
  ASSERT_TRUE(map.mark(0, {0, 3}, {0, 4}).ok());
  ASSERT_TRUE(map.mark(0, {1, 2}, {4, 7}).ok());
  EXPECT_EQ(map.ready_end(0, 1, 2), 7U);
  EXPECT_EQ(map.ready_end(0, 0, 2), 4U);
  EXPECT_EQ(map.ready_end(), 0U) << "group 2 has nothing";
}

TEST(ReadyMap, marks_never_take_anything_back) {
  ReadyMap map(kLayers, 10);
  ASSERT_TRUE(map.mark(0, {0, 3}, {0, 8}).ok());
  ASSERT_TRUE(map.mark(0, {0, 3}, {0, 4}).ok());
  EXPECT_EQ(map.ready_end(0, 0, 3), 8U);
}

TEST(ReadyMap, a_gap_is_refused_and_changes_nothing) {
  ReadyMap map(kLayers, 10);
  ASSERT_TRUE(map.mark(0, {0, 1}, {0, 5}).ok());
  EXPECT_FALSE(map.mark(0, {0, 2}, {5, 6}).ok());
  EXPECT_EQ(map.ready_end(0, 0, 1), 5U);
  EXPECT_TRUE(map.mark(0, {0, 1}, {5, 6}).ok());
}

TEST(ReadyMap, refuses_what_is_not_there) {
  ReadyMap map(kLayers, 10);
  EXPECT_FALSE(map.mark(3, {0, 1}, {0, 1}).ok());
  EXPECT_FALSE(map.mark(0, {0, 4}, {0, 1}).ok());
  EXPECT_FALSE(map.mark(0, {2, 2}, {0, 1}).ok());
  EXPECT_FALSE(map.mark(1, {0, 1}, {0, 1}).ok());
  EXPECT_FALSE(map.mark(0, {0, 1}, {0, 11}).ok());
  EXPECT_FALSE(map.mark(0, {0, 1}, {3, 2}).ok());
}

TEST(ReadyMap, mark_all_covers_every_group) {
  ReadyMap map(kLayers, 10);
  map.mark_all(6);
  EXPECT_EQ(map.ready_end(), 6U);
}

TEST(ReadyMap, rewind_cuts_every_layer) {
  ReadyMap map(kLayers, 10);
  map.mark_all(6);
  ASSERT_TRUE(map.mark(2, {0, 2}, {6, 9}).ok());
  EXPECT_TRUE(map.rewind(5));
  EXPECT_EQ(map.ready_end(2, 0, 2), 5U);
  EXPECT_EQ(map.ready_end(), 5U);
  EXPECT_FALSE(map.rewind(5));
}

TEST(ReadyMap, a_span_that_was_rewound_is_not_marked) {
  ReadyMap map(kLayers, 10);
  map.mark_all(6);
  map.rewind(3);
  EXPECT_FALSE(map.mark_span(0, {1, 2}, {6, 8}));
  EXPECT_EQ(map.ready_end(0, 1, 2), 3U);
  EXPECT_TRUE(map.mark_span(0, {1, 2}, {3, 8}));
  EXPECT_EQ(map.ready_end(0, 1, 2), 8U);
}

TEST(ReadyMap, a_rank_without_layers_is_ready) {
  const ReadyMap map(std::array<std::uint32_t, 1>{0}, 10);
  EXPECT_EQ(map.ready_end(), 10U);
}

}  // namespace
}  // namespace pegaflow::client
