// Every wait ends by a deadline, with a reason that says which; the next transfer works.
#include <gtest/gtest.h>

#include "tests/agent/transfer/transfer_test.h"

namespace pegaflow::agent {
namespace {

using namespace std::chrono_literals;

using Deadlines = TransferTest;

TEST_P(Deadlines, nobody_offers_in_time) {
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.advance(30s);
  world_.settle();
  expect_failed(Reason::kOfferTimeout);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Deadlines, nothing_becomes_ready_in_time) {
  world_.p_client.offer(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.advance(119s);
  world_.settle();
  EXPECT_TRUE(d_results().empty());
  world_.advance(1s);
  world_.settle();
  expect_failed(Reason::kTotalTimeout);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Deadlines, a_source_that_stops_gathering_is_stalled) {
  world_.p_client.offer(key_, kTokens);
  world_.p_client.set_ready(kChunks);
  world_.d_client.receive(key_, kTokens);
  while (world_.deliver(world_.d_link, world_.p_link, *world_.p) ||
         world_.p_client.take_message() ||
         world_.deliver(world_.p_link, world_.d_link, *world_.d)) {
  }
  world_.advance(5s);
  world_.settle();
  expect_failed(Reason::kSourceStalled);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Deadlines, a_source_that_computes_too_long_is_given_up) {
  world_.d_client.compute_ms = 5000;
  world_.p_client.offer(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.advance(4s);
  world_.p_client.set_ready(1);  // it gets on: the time begins anew
  world_.settle();
  world_.advance(4999ms);
  world_.settle();
  EXPECT_TRUE(d_results().empty());
  world_.advance(1ms);
  world_.settle();
  expect_failed(Reason::kComputeTimeout);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Deadlines, an_engine_that_stops_scattering_is_given_up) {
  world_.p_client.offer(key_, kTokens);
  world_.p_client.set_ready(kChunks);
  world_.d_client.receive(key_, kTokens);
  world_.settle_but_for_scatters();
  ASSERT_FALSE(world_.d_client.scatters.empty());
  ASSERT_TRUE(world_.d_client.scatter_one());  // it gets on: the time begins anew
  world_.advance(4999ms);
  world_.settle_but_for_scatters();
  EXPECT_TRUE(d_results().empty());
  world_.advance(1ms);
  world_.settle();
  expect_failed(Reason::kScatterTimeout);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Deadlines, a_closed_key_may_be_used_again_after_its_tombstone) {
  const auto transfer = [this] {
    world_.p_client.offer(key_, kTokens);
    const std::uint64_t handle = world_.d_client.receive(key_, kTokens);
    world_.settle();
    world_.p_client.set_ready(kChunks);
    world_.settle();
    return world_.d_client.verified[handle].size();
  };
  ASSERT_EQ(transfer(), kChunks);
  world_.advance(119s);
  EXPECT_EQ(transfer(), 0U);
  expect_failed(Reason::kReleased);
  world_.advance(1s);
  EXPECT_EQ(transfer(), kChunks);
  all_slots_come_back();
}

TEST_P(Deadlines, an_offer_nobody_reads_expires_after_its_lease) {
  world_.p_client.offer(key_, kTokens);
  world_.advance(60s);
  EXPECT_TRUE(world_.p_client.inbox.empty());  // not finished yet
  world_.p_client.tell(wire::RingFinish{key_});
  world_.advance(29s);
  EXPECT_TRUE(world_.p_client.inbox.empty());
  world_.advance(1s);
  world_.settle();
  ASSERT_EQ(p_results().size(), 1U);
  EXPECT_EQ(p_results()[0].kind, EventKind::kExpired);
}

TEST_P(Deadlines, an_intent_nobody_answers_ends_by_its_deadline) {
  world_.d_client.intend(key_, kTokens);
  world_.settle();
  world_.advance(30s);
  world_.settle();
  ASSERT_EQ(d_results().size(), 1U);
  EXPECT_EQ(d_results()[0].reason, Reason::kOfferTimeout);
}

TEST_P(Deadlines, an_intent_keeps_the_lease) {
  world_.p_client.offer(key_, kTokens);
  world_.p_client.tell(wire::RingFinish{key_});
  world_.d_client.intend(key_, kTokens);
  for (int i = 0; i < 10; ++i) {
    world_.settle();
    world_.advance(10s);
  }
  EXPECT_TRUE(p_results().empty());
  world_.d_client.tell(wire::RingRelease{key_, {"prefill", 0}, 0});
  world_.settle();
  ASSERT_EQ(p_results().size(), 1U);
  EXPECT_EQ(p_results()[0].reason, Reason::kReleased);
}

TEST_P(Deadlines, an_unknown_source_is_waited_for_and_then_no_peer) {
  wire::RingReceive request;
  request.key = key_;
  request.handle = 1;
  request.pool = world_.d_client.pool.id;
  request.source = {"nobody", 0};
  request.n_tokens = kTokens;
  request.tokens.push_back({0, kTokens});
  world_.d_client.tell(request);
  world_.settle();
  EXPECT_TRUE(d_results().empty());
  world_.advance(30s);
  world_.settle();
  expect_failed(Reason::kNoPeer);
}

TEST_P(Deadlines, a_gap_of_the_loop_moves_the_deadlines) {
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.d->on_gap(60s);
  world_.advance(60s);
  world_.settle();
  EXPECT_TRUE(d_results().empty());
}

INSTANTIATE_TEST_SUITE_P(Paths, Deadlines, every_path(), path_of);

}  // namespace
}  // namespace pegaflow::agent
