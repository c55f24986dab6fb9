// A client that is told of lent slots (LENT), looks at their words itself, and scatters before it
// is asked to.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/agent/transfer/transfer_test.h"

namespace pegaflow::agent {
namespace {

class LookingClient : public testing::Test {
 protected:
  std::uint64_t begin() {
    const Key key = Key::random();
    world_.p_client.offer(key, kTokens);
    const std::uint64_t handle = world_.d_client.receive(key, kTokens);
    return handle;
  }
  World world_{{.path = DataPath::kDirect, .looks = true}};
};

TEST_F(LookingClient, scatters_what_its_agent_has_not_seen_yet) {
  const std::uint64_t handle = begin();
  world_.settle();
  ASSERT_FALSE(world_.d_client.lent.empty()) << "slots are lent ahead";
  world_.p_client.set_ready(kChunks);
  while (world_.p_client.claim_one() && world_.p_client.fill_one()) {
    EXPECT_TRUE(world_.d_client.scatter_lent_one()) << "the agent did not look before";
  }
  EXPECT_FALSE(world_.d_client.verified[handle].empty());
  for (int i = 0; i < 200; ++i) {
    world_.settle();
    world_.p_client.set_ready(kChunks);
    if (world_.d_client.verified[handle].size() == kChunks) break;
  }
  EXPECT_EQ(world_.d_client.verified[handle].size(), kChunks);
  EXPECT_EQ(world_.d_client.wrong_bytes, 0U);
  EXPECT_EQ(world_.free_slots(*world_.d), world_.options.slots);
}

TEST_F(LookingClient, and_its_agent_do_not_get_into_each_others_way) {
  std::mt19937 random(5);
  for (int round = 0; round < 30; ++round) {
    const std::uint64_t handle = begin();
    world_.settle();
    world_.p_client.set_ready(kChunks);
    for (int i = 0; i < 5000 && world_.d_client.verified[handle].size() < kChunks; ++i) {
      if (random() % 3 == 0) world_.d_client.scatter_lent_one();
      world_.step(random);
    }
    world_.settle();
    EXPECT_EQ(world_.d_client.verified[handle].size(), kChunks);
    EXPECT_EQ(world_.d_client.wrong_bytes, 0U);
    EXPECT_EQ(world_.free_slots(*world_.d), world_.options.slots);
    world_.p_client.set_ready(0);
  }
}

TEST_F(LookingClient, that_names_a_slot_which_is_not_filled_is_refused) {
  begin();
  world_.settle();
  ASSERT_FALSE(world_.d_client.lent.empty());
  const FakeClient::Work work = world_.d_client.lent.front();
  world_.d_client.tell(wire::RingScattered{work.stream, {{work.slot, ChunkIndex{0}, true, 1}}});
  world_.settle();
  ASSERT_EQ(world_.d_client.results.size(), 1U);
  EXPECT_EQ(world_.d_client.results[0].reason, Reason::kProtocol);
}

TEST_F(LookingClient, that_names_another_chunk_than_the_slots_is_refused) {
  begin();
  world_.settle();
  world_.p_client.set_ready(kChunks);
  ASSERT_TRUE(world_.p_client.claim_one() && world_.p_client.fill_one());
  ASSERT_TRUE(std::any_of(
      world_.d_client.lent.begin(), world_.d_client.lent.end(), [this](const auto& work) {
        const bool filled = world_.d_region.control().word(work.slot.slot).load() ==
                            core::filled_word(work.slot.generation, world_.d_link.writer);
        if (!filled) return false;
        world_.d_client.tell(
            wire::RingScattered{work.stream, {{work.slot, ChunkIndex{7}, true, 1}}});
        return true;
      }));
  world_.settle();
  ASSERT_EQ(world_.d_client.results.size(), 1U);
  EXPECT_EQ(world_.d_client.results[0].reason, Reason::kProtocol);
}

TEST(ClientThatDoesNotLook, is_not_told_of_lent_slots) {
  World world({.path = DataPath::kDirect});
  const Key key = Key::random();
  world.p_client.offer(key, kTokens);
  world.d_client.receive(key, kTokens);
  world.settle();
  EXPECT_TRUE(world.d_client.lent.empty());
}

}  // namespace
}  // namespace pegaflow::agent
