#include "agent/transfer/transfer_service.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/agent/transfer/transfer_test.h"

namespace pegaflow::agent {
namespace {

using namespace std::chrono_literals;

using Transfer = TransferTest;

// The client verified everything, or was told an end; it may be both, when the end crossed the last
// chunk: the client reports what came first.
void expect_one_end(World& world, std::uint64_t handle) {
  const bool done = world.d_client.verified[handle].size() == kChunks;
  EXPECT_LE(world.d_client.results.size(), 1U);
  EXPECT_TRUE(done || world.d_client.results.size() == 1);
}

TEST_P(Transfer, all_chunks_arrive_and_both_sides_know) {
  world_.p_client.offer(key_, kTokens);
  world_.p_client.set_ready(kChunks);
  const std::uint64_t handle = world_.d_client.receive(key_, kTokens);
  world_.settle();
  EXPECT_EQ(world_.d_client.verified[handle].size(), kChunks);
  EXPECT_EQ(world_.d_client.wrong_bytes, 0U);
  ASSERT_EQ(p_results().size(), 1U);
  EXPECT_EQ(p_results()[0].kind, EventKind::kDone);
  EXPECT_TRUE(world_.p->drained());
  EXPECT_TRUE(world_.d->drained());
  all_slots_come_back();
}

TEST_P(Transfer, a_receive_before_its_offer_waits_for_it) {
  const std::uint64_t handle = world_.d_client.receive(key_, kTokens);
  world_.settle();
  EXPECT_TRUE(world_.d_client.verified[handle].empty());
  world_.p_client.offer(key_, kTokens);
  world_.p_client.ready = kChunks;
  world_.settle();
  EXPECT_EQ(world_.d_client.verified[handle].size(), kChunks);
}

TEST_P(Transfer, the_receiver_is_told_how_long_it_waited_for_the_offer) {
  const std::uint64_t handle = world_.d_client.receive(key_, kTokens);
  world_.settle();
  EXPECT_TRUE(world_.d_client.offered.empty());
  world_.advance(20ms);
  world_.p_client.offer(key_, kTokens);
  world_.settle();
  ASSERT_EQ(world_.d_client.offered.size(), 1U);
  EXPECT_EQ(world_.d_client.offered[0].handle, handle);
  EXPECT_GE(world_.d_client.offered[0].offer_wait_us, 20'000U);
  EXPECT_GE(world_.d_client.offered[0].grant_us, 1U);
  EXPECT_LT(world_.d_client.offered[0].grant_us, 20'000U);
}

TEST_P(Transfer, chunks_flow_as_they_become_ready) {
  world_.p_client.offer(key_, kTokens);
  const std::uint64_t handle = world_.d_client.receive(key_, kTokens);
  for (std::uint32_t ready = 1; ready <= kChunks; ++ready) {
    world_.settle();
    EXPECT_EQ(world_.d_client.verified[handle].size(), ready - 1);
    world_.p_client.set_ready(ready);
  }
  world_.settle();
  EXPECT_EQ(world_.d_client.verified[handle].size(), kChunks);
}

TEST_P(Transfer, slots_wait_at_the_source_before_anything_is_ready) {
  world_.p_client.offer(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  const std::uint32_t lent = world_.options.slots - world_.free_slots(*world_.d);
  EXPECT_GT(lent, 1U);
  EXPECT_LE(lent, kChunks);
  world_.p_client.set_ready(kChunks);
  world_.settle();
  all_slots_come_back();
}

TEST_P(Transfer, a_bell_wakes_the_engine_whose_slots_are_being_filled) {
  if (GetParam() != DataPath::kDirect) GTEST_SKIP() << "only writers of mapped slots ring";
  world_.p_client.offer(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.d->on_bell();
  EXPECT_EQ(world_.d_client.told_awake, 0) << "nothing is being filled";
  world_.p_client.set_ready(1);
  ASSERT_TRUE(world_.p_client.claim_one());
  world_.d->on_bell();
  EXPECT_EQ(world_.d_client.told_awake, 1);
  world_.p_client.set_ready(kChunks);
  world_.settle();
  all_slots_come_back();
}

TEST_P(Transfer, a_damaged_chunk_fails_its_transfer_alone) {
  const Key other = Key::random();
  world_.p_client.offer(key_, kTokens);
  world_.p_client.offer(other, kTokens);
  world_.p_client.set_ready(kChunks);
  const std::uint64_t bad = world_.d_client.receive(key_, kTokens);
  const std::uint64_t good = world_.d_client.receive(other, kTokens);
  std::mt19937 random(3);
  while (world_.d_client.scatters.empty() ||
         world_.d_client.streams[world_.d_client.scatters[0].stream].start.handle != bad) {
    ASSERT_TRUE(world_.step(random));
  }
  world_.d_client.scatter_one(false);
  world_.settle();
  world_.p_client.set_ready(kChunks);
  world_.settle();
  expect_failed(Reason::kChecksum);
  EXPECT_EQ(world_.d_client.verified[good].size(), kChunks);
  all_slots_come_back();
}

TEST_P(Transfer, the_consumers_engine_dies_at_any_point) {
  for (int steps = 0; steps < 120; steps += 3) {
    World world({GetParam()});
    world.p_client.offer(key_, kTokens);
    world.p_client.set_ready(kChunks);
    world.d_client.receive(key_, kTokens);
    std::mt19937 random(static_cast<std::uint32_t>(steps));
    for (int i = 0; i < steps; ++i) world.step(random);
    world.d->on_client_lost(world.d_client, Error(Code::kUnavailable, "gone"));
    world.d_client.inbox.clear();
    world.d_client.scatters.clear();
    world.settle();
    world.advance(20ms);
    EXPECT_EQ(world.free_slots(*world.d), world.options.slots) << steps;
    EXPECT_EQ(world.free_slots(*world.p), world.options.slots) << steps;
    EXPECT_TRUE(world.p->drained()) << steps;
  }
}

TEST_P(Transfer, the_link_breaks_at_any_point) {
  for (int steps = 0; steps < 120; steps += 3) {
    World world({GetParam()});
    world.p_client.offer(key_, kTokens);
    world.p_client.set_ready(kChunks);
    const std::uint64_t handle = world.d_client.receive(key_, kTokens);
    std::mt19937 random(static_cast<std::uint32_t>(steps));
    for (int i = 0; i < steps; ++i) world.step(random);
    world.link_down();
    world.settle();
    world.advance(20ms);
    EXPECT_EQ(world.free_slots(*world.d), world.options.slots) << steps;
    EXPECT_EQ(world.free_slots(*world.p), world.options.slots) << steps;
    expect_one_end(world, handle);
    EXPECT_TRUE(world.d->drained()) << steps;
    EXPECT_TRUE(world.p->drained()) << steps;
  }
}

TEST_P(Transfer, cancel_at_any_point_ends_it_once) {
  for (int steps = 0; steps < 120; steps += 3) {
    World world({GetParam()});
    world.p_client.offer(key_, kTokens);
    world.p_client.set_ready(kChunks);
    const std::uint64_t handle = world.d_client.receive(key_, kTokens);
    std::mt19937 random(static_cast<std::uint32_t>(steps) + 50);
    for (int i = 0; i < steps; ++i) world.step(random);
    world.d_client.cancel(handle);
    world.settle();
    world.advance(20ms);
    expect_one_end(world, handle);
    EXPECT_EQ(world.free_slots(*world.d), world.options.slots) << steps;
    EXPECT_EQ(world.free_slots(*world.p), world.options.slots) << steps;
  }
}

// A failed attempt leaves the offer open while its blocks are still held.
TEST_P(Transfer, a_failed_attempt_may_be_repeated) {
  world_.p_client.offer(key_, kTokens);
  const std::uint64_t first = world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.d_client.cancel(first);
  world_.settle();
  const std::uint64_t second = world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.p_client.set_ready(kChunks);
  world_.settle();
  EXPECT_EQ(world_.d_client.verified[second].size(), kChunks);
  all_slots_come_back();
}

TEST_P(Transfer, ready_streams_finish_beside_many_that_never_are) {
  World world({GetParam(), 16, 4, 4});
  std::vector<std::uint64_t> ready;
  for (int i = 0; i < 64; ++i) {
    const Key key = Key::random();
    if (i % 2 == 0) world.p_client.offer(key, kTokens);
    const std::uint64_t handle = world.d_client.receive(key, kTokens);
    if (i % 2 == 0) ready.push_back(handle);
  }
  world.p_client.ready = kChunks;
  world.settle();
  world.p_client.set_ready(kChunks);
  world.settle();
  for (const std::uint64_t handle : ready)
    EXPECT_EQ(world.d_client.verified[handle].size(), kChunks);
  EXPECT_EQ(world.d_client.wrong_bytes, 0U);
}

TEST_P(Transfer, an_intent_is_answered_once_the_offer_exists) {
  world_.d_client.intend(key_, kTokens);
  world_.settle();
  EXPECT_TRUE(d_results().empty());
  world_.p_client.offer(key_, kTokens);
  world_.settle();
  ASSERT_EQ(d_results().size(), 1U);
  EXPECT_EQ(d_results()[0].kind, EventKind::kOffered);
}

INSTANTIATE_TEST_SUITE_P(Paths, Transfer, every_path(), path_of);

}  // namespace
}  // namespace pegaflow::agent
