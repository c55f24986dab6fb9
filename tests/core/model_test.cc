// The pure state machines under random interleavings (model.h): one owner per slot, no credit lost,
// one end of every stream, and no starvation.
#include "tests/core/model.h"

#include <gtest/gtest.h>

namespace pegaflow::core {
namespace {

class ModelSeeds : public testing::TestWithParam<std::uint32_t> {};

// 64 streams on 16 slots, a third of which never become ready.
TEST_P(ModelSeeds, every_stream_that_computes_ends_although_others_never_do) {
  Model model(GetParam(), 16, 64, false);
  model.run(4000);
  EXPECT_TRUE(model.all_computing_done());
  EXPECT_TRUE(model.each_ended_once_or_not_at_all());
  EXPECT_EQ(model.lost_slots(), 0U);
}

TEST_P(ModelSeeds, aborts_lose_no_slot_and_end_nothing_twice) {
  Model model(GetParam() + 1000, 16, 64, true);
  model.run(4000);
  EXPECT_TRUE(model.all_computing_done());
  EXPECT_TRUE(model.each_ended_once_or_not_at_all());
  EXPECT_EQ(model.lost_slots(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Random, ModelSeeds, testing::Range(0U, 100U));

}  // namespace
}  // namespace pegaflow::core
