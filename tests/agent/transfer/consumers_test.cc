// An offer counts who has read it: each rank of the sink once.
#include <gtest/gtest.h>

#include <algorithm>
#include <variant>

#include "tests/agent/transfer/transfer_test.h"

namespace pegaflow::agent {
namespace {

class Consumers : public TransferTest {
 protected:
  // What D has asked of P and P has not heard yet.
  wire::Grant grant_on_its_way() {
    const auto& out = world_.d_link.out;
    const auto at = std::find_if(out.begin(), out.end(), [](const wire::ControlMessage& message) {
      return std::holds_alternative<wire::Grant>(message);
    });
    EXPECT_NE(at, out.end());
    return at == out.end() ? wire::Grant{} : std::get<wire::Grant>(*at);
  }
};

TEST_P(Consumers, one_that_reads_twice_does_not_count_as_two) {
  WorldOptions options{GetParam()};
  options.sink_ranks = 2;
  World world(options);
  world.p_client.ready = kChunks;
  world.p_client.offer(key_, kTokens);
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t handle = world.d_client.receive(key_, kTokens);
    world.settle();
    EXPECT_EQ(world.d_client.verified[handle].size(), kChunks) << i;
    EXPECT_TRUE(world.p_client.results.empty()) << "the other rank has read nothing yet";
  }
  world.p_client.tell(wire::RingWithdraw{key_});
  world.settle();
  EXPECT_EQ(world.free_slots(*world.p), options.slots);
  EXPECT_EQ(world.free_slots(*world.d), options.slots);
}

// All has left the blocks, which its engine may use again from now on.
TEST_P(Consumers, nobody_reads_an_offer_that_was_sent) {
  world_.p_client.ready = kChunks;
  world_.d_client.receive(key_, kTokens);
  wire::Grant late = grant_on_its_way();
  world_.p_client.offer(key_, kTokens);
  const auto sent = [this] {
    const auto transfers = world_.p->snapshot().transfers;
    return transfers.size() == 1 && transfers[0].state == "sent";
  };
  std::mt19937 random(1);
  while (!sent()) ASSERT_TRUE(world_.step(random));

  PeerPool successor = world_.p_link.pools[0];
  successor.id = PoolId{7};
  world_.p_link.pools.push_back(successor);
  late.sink_pool = successor.id;
  late.stream.xfer.value += 1;
  late.eager.clear();
  world_.p->on_control(world_.p_link, late);
  ASSERT_FALSE(world_.p_link.out.empty());
  const auto* refusal = std::get_if<wire::Refuse>(&world_.p_link.out.back());
  ASSERT_NE(refusal, nullptr);
  EXPECT_EQ(refusal->stream, late.stream);
  EXPECT_EQ(refusal->reason, Reason::kReleased);
  world_.p_link.out.pop_back();  // D has not asked
  world_.settle();
  EXPECT_TRUE(d_results().empty());
  all_slots_come_back();
}

INSTANTIATE_TEST_SUITE_P(Paths, Consumers, every_path(), path_of);

}  // namespace
}  // namespace pegaflow::agent
