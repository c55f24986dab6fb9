#include "pegaflow-demo/block_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

namespace pegaflow::demo {
namespace {

using Keys = std::vector<std::uint64_t>;

TEST(BlockPool, hands_out_each_block_once_in_no_particular_order) {
  BlockPool pool(64, 3);
  const auto blocks = pool.allocate(64, {});
  ASSERT_TRUE(blocks);
  EXPECT_FALSE(std::is_sorted(blocks->ids.begin(), blocks->ids.end()));
  auto sorted = blocks->ids;
  std::sort(sorted.begin(), sorted.end());
  for (std::uint32_t i = 0; i < 64; ++i) EXPECT_EQ(sorted[i], i);
}

TEST(BlockPool, too_few_blocks_change_nothing) {
  BlockPool pool(4, 1);
  const auto held = pool.allocate(3, {});
  EXPECT_FALSE(pool.allocate(2, {}));
  EXPECT_EQ(pool.unused(), 1u);
  pool.release(held->ids);
  EXPECT_TRUE(pool.allocate(2, {}));
}

TEST(BlockPool, a_published_prefix_is_shared_up_to_the_first_difference) {
  BlockPool pool(16, 1);
  const auto first = pool.allocate(4, Keys{1, 2, 3, 4});
  EXPECT_EQ(first->cached, 0u);
  pool.publish(first->ids, Keys{1, 2, 3, 4});
  const auto second = pool.allocate(4, Keys{1, 2, 9, 4});
  EXPECT_EQ(second->cached, 2u);
  EXPECT_EQ(second->ids[0], first->ids[0]);
  EXPECT_EQ(second->ids[1], first->ids[1]);
  EXPECT_NE(second->ids[3], first->ids[3]);
}

TEST(BlockPool, a_released_prefix_stays_until_its_blocks_are_needed) {
  BlockPool pool(4, 1);
  const auto first = pool.allocate(2, {});
  pool.publish(first->ids, Keys{1, 2});
  pool.release(first->ids);
  EXPECT_EQ(pool.unused(), 4u);
  const auto again = pool.allocate(2, Keys{1, 2});
  EXPECT_EQ(again->cached, 2u);
  pool.release(again->ids);
  const auto all = pool.allocate(4, {});  // evicts both
  ASSERT_TRUE(all);
  pool.release(all->ids);
  EXPECT_EQ(pool.allocate(2, Keys{1, 2})->cached, 0u);
}

TEST(BlockPool, cached_blocks_that_the_request_itself_uses_are_not_counted_as_room) {
  BlockPool pool(3, 1);
  const auto first = pool.allocate(2, {});
  pool.publish(first->ids, Keys{1, 2});
  pool.release(first->ids);
  EXPECT_FALSE(pool.allocate(4, Keys{1, 2}));
  EXPECT_TRUE(pool.allocate(3, Keys{1, 2}));
}

// A block belongs to one prompt, or to several that all found it by the same key.
RC_GTEST_PROP(BlockPool, no_block_is_given_to_two_prompts_with_different_content, ()) {
  const auto size = *rc::gen::inRange<std::uint32_t>(1, 12);
  BlockPool pool(size, 7);
  struct Held {
    BlockPool::Blocks blocks;
    Keys keys;
  };
  std::vector<Held> held;
  const auto steps = *rc::gen::inRange(1, 60);
  for (int step = 0; step < steps; ++step) {
    if (!held.empty() && *rc::gen::inRange(0, 2) == 0) {
      const auto at = *rc::gen::inRange<std::size_t>(0, held.size());
      pool.release(held[at].blocks.ids);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    const auto n = *rc::gen::inRange<std::uint32_t>(1, 6);
    const auto prefix = *rc::gen::inRange<std::uint64_t>(0, 3);
    Keys keys;
    for (std::uint32_t i = 0; i < n; ++i) keys.push_back(prefix * 100 + i);
    auto blocks = pool.allocate(n, keys);
    if (!blocks) continue;
    RC_ASSERT(blocks->ids.size() == n);
    pool.publish(blocks->ids, keys);
    held.push_back({*blocks, keys});
  }
  std::map<std::uint32_t, std::uint64_t> content;
  std::size_t used = 0;
  for (const auto& one : held) {
    for (std::size_t i = 0; i < one.keys.size(); ++i) {
      const auto [known, fresh] = content.try_emplace(one.blocks.ids[i], one.keys[i]);
      RC_ASSERT(known->second == one.keys[i]);
      used += fresh ? 1 : 0;
    }
  }
  RC_ASSERT(pool.unused() + used == size);
}

}  // namespace
}  // namespace pegaflow::demo
