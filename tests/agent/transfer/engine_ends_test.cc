// Engines that end in the middle of a transfer, and what their agents make of it.
#include <gtest/gtest.h>

#include <random>

#include "tests/agent/transfer/transfer_test.h"

namespace pegaflow::agent {
namespace {

using namespace std::chrono_literals;

class EngineEnds : public testing::TestWithParam<DataPath> {
 protected:
  Key key_ = Key::random();
};

// Its process is known to be gone before its session ends; slots it was lent are somebody else's.
TEST_P(EngineEnds, a_source_engine_is_known_to_be_dead_before_it_is_lost) {
  for (int steps = 0; steps < 120; steps += 3) {
    World world({GetParam()});
    world.p_client.offer(key_, kTokens);
    world.p_client.set_ready(kChunks);
    world.d_client.receive(key_, kTokens);
    std::mt19937 random(static_cast<std::uint32_t>(steps));
    for (int i = 0; i < steps; ++i) world.step(random);
    world.p_client.claimed.clear();
    world.p_client.streams.clear();
    world.p_client.inbox.clear();
    world.p->on_writer_gone(world.p_client.writer());
    world.p->on_client_lost(world.p_client, Error(Code::kUnavailable, "gone"));
    world.p_client.inbox.clear();
    if (GetParam() == DataPath::kDirect) world.d->on_writer_gone(world.d_link.writer);
    world.settle();
    world.advance(20ms);
    EXPECT_EQ(world.free_slots(*world.p), world.options.slots) << steps;
    EXPECT_EQ(world.free_slots(*world.d), world.options.slots) << steps;
    EXPECT_TRUE(world.p->drained()) << steps;
  }
}

// Everything has left its blocks: the agents have what they need, or can get it without the engine.
TEST_P(EngineEnds, a_source_engine_dies_after_all_has_left_and_the_receive_is_done) {
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    World world({GetParam()});
    world.p_client.offer(key_, kTokens);
    world.p_client.ready = kChunks;
    const std::uint64_t handle = world.d_client.receive(key_, kTokens);
    std::mt19937 random(seed);
    const auto sent = [&world] {
      const auto transfers = world.p->snapshot().transfers;
      return transfers.size() == 1 && transfers[0].state == "sent";
    };
    while (!sent()) ASSERT_TRUE(world.step(random));
    world.p_client.claimed.clear();
    world.p_client.streams.clear();
    world.p_client.inbox.clear();
    const PeerPool pool = world.d_link.pools[0];
    world.d_link.pools.clear();
    const bool proof_first = seed % 2 == 0;
    if (proof_first) world.p->on_writer_gone(world.p_client.writer());
    world.p->on_client_lost(world.p_client, Error(Code::kUnavailable, "gone"));
    if (!proof_first) world.p->on_writer_gone(world.p_client.writer());
    if (GetParam() == DataPath::kDirect) world.d->on_writer_gone(world.d_link.writer);
    world.d->on_peer_pool_gone(world.d_link, pool);
    world.settle();
    world.advance(20ms);
    EXPECT_EQ(world.d_client.verified[handle].size(), kChunks) << seed;
    EXPECT_EQ(world.d_client.wrong_bytes, 0U);
    EXPECT_TRUE(world.d_client.results.empty()) << to_string(world.d_client.results[0].reason);
    EXPECT_EQ(world.free_slots(*world.p), world.options.slots) << seed;
    EXPECT_EQ(world.free_slots(*world.d), world.options.slots) << seed;
    EXPECT_TRUE(world.p->drained() && world.d->drained()) << seed;
  }
}

// Its client says that it cannot follow a stream: a plan that differs, or a pool that went first.
TEST_P(EngineEnds, a_sink_that_comes_to_its_stream_after_the_pool_is_gone_is_told_so) {
  for (const bool gone : {false, true}) {
    World world({GetParam()});
    world.d_client.receive(key_, kTokens);
    const auto transfers = world.d->snapshot().transfers;
    ASSERT_EQ(transfers.size(), 1U);
    if (gone) world.d_link.pools.clear();
    world.d_client.tell(wire::RingStopped{transfers[0].stream, {}});
    world.d_client.streams.clear();
    while (world.d_client.take_message()) {
    }
    ASSERT_EQ(world.d_client.results.size(), 1U);
    EXPECT_EQ(world.d_client.results[0].reason, gone ? Reason::kEngineLost : Reason::kPlan);
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, EngineEnds, every_path(), path_of);

}  // namespace
}  // namespace pegaflow::agent
