// What does not fit together is refused at once, with the reason; the next transfer works.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/transfer/transfer_test.h"

namespace pegaflow::agent {
namespace {

using Refusals = TransferTest;

TEST_P(Refusals, wrong_prompt_under_a_right_key_is_refused) {
  world_.p_client.offer(key_, kTokens, ContentHash{1});
  world_.d_client.receive(key_, kTokens, ContentHash{2});
  world_.settle();
  expect_failed(Reason::kContent);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Refusals, a_second_receive_of_a_live_key_is_busy) {
  const std::uint64_t first = world_.d_client.receive(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  expect_failed(Reason::kBusy);
  world_.p_client.offer(key_, kTokens);
  world_.p_client.set_ready(kChunks);
  world_.settle();
  EXPECT_EQ(world_.d_client.verified[first].size(), kChunks);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Refusals, a_withdrawn_offer_fails_its_receive) {
  world_.p_client.offer(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.p_client.tell(wire::RingWithdraw{key_, Reason::kWithdrawn});
  world_.settle();
  expect_failed(Reason::kWithdrawn);
  all_slots_come_back();
  EXPECT_TRUE(p_results().empty());
  next_transfer_works();
}

TEST_P(Refusals, a_disowned_key_is_refused_to_who_waits_for_it) {
  world_.d_client.intend(key_, kTokens);
  world_.settle();
  world_.p_client.tell(wire::RingWithdraw{key_, Reason::kGone});
  world_.settle();
  ASSERT_EQ(d_results().size(), 1U);
  EXPECT_EQ(d_results()[0].kind, EventKind::kRefused);
  EXPECT_EQ(d_results()[0].reason, Reason::kGone);
  EXPECT_TRUE(p_results().empty());
}

TEST_P(Refusals, a_disowned_key_ends_a_receive_that_waits_for_it) {
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.p_client.tell(wire::RingWithdraw{key_, Reason::kGone});
  world_.settle();
  expect_failed(Reason::kGone);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Refusals, a_disowned_key_is_refused_to_who_comes_later) {
  world_.p_client.tell(wire::RingWithdraw{key_, Reason::kGone});
  world_.settle();
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  expect_failed(Reason::kReleased);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Refusals, a_key_that_was_sent_may_be_disowned) {
  world_.p_client.offer(key_, kTokens);
  world_.p_client.set_ready(kChunks);
  const std::uint64_t receive = world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.p_client.tell(wire::RingWithdraw{key_, Reason::kGone});
  world_.settle();
  EXPECT_EQ(world_.d_client.verified[receive].size(), kChunks);
}

TEST_P(Refusals, a_closed_key_is_released) {
  world_.p_client.offer(key_, kTokens);
  world_.p_client.set_ready(kChunks);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  expect_failed(Reason::kReleased);
  all_slots_come_back();
}

TEST_P(Refusals, an_intent_for_another_prompt_is_refused) {
  world_.p_client.offer(key_, kTokens, ContentHash{1});
  world_.d_client.intend(key_, kTokens, ContentHash{2});
  world_.settle();
  ASSERT_EQ(d_results().size(), 1U);
  EXPECT_EQ(d_results()[0].kind, EventKind::kRefused);
  EXPECT_EQ(d_results()[0].reason, Reason::kContent);
}

// What D's agent knows of P's pool.
TEST_P(Refusals, pools_that_disagree_are_refused_with_both_values) {
  const KvShape right = world_.d_link.pools[0].shape;
  const auto refused = [&](Reason reason, const std::string& detail) {
    world_.d_client.receive(key_, kTokens);
    world_.settle();
    ASSERT_EQ(d_results().size(), 1U);
    EXPECT_THAT(d_results()[0].detail, testing::HasSubstr(detail));
    expect_failed(reason);
    world_.d_link.pools[0].shape = right;
    all_slots_come_back();
  };
  world_.d_link.pools[0].shape.groups[0].stage_bounds = {0, 5};
  refused(Reason::kPlan, "groups[0].layers differs: source 5, sink 4");
  world_.d_link.pools[0].shape.groups[0].element_bytes = 4;
  refused(Reason::kPlan, "groups[0].element_bytes differs: source 4, sink 2");
  world_.d_link.pools[0].shape.fingerprint[0] = 7;
  refused(Reason::kFingerprint, "prefill-0");
  next_transfer_works();
}

// P's agent knows D's pool by another shape than the grant was made for.
TEST_P(Refusals, a_grant_between_pools_that_differ_at_the_source_is_refused) {
  PeerPool& sink = world_.p_link.pools[0];
  const PeerPool right = sink;
  world_.p_client.offer(key_, kTokens);
  const auto refused = [&](Reason reason) {
    world_.d_client.receive(key_, kTokens);
    world_.settle();
    expect_failed(reason);
    sink = right;
    all_slots_come_back();
  };
  sink.shape_hash = 78;
  refused(Reason::kPool);
  sink.shape.groups[0].block_tokens = 48;
  refused(Reason::kPlan);
  next_transfer_works();
}

TEST_P(Refusals, a_token_that_does_not_fit_a_slot_is_refused) {
  KvShape& source = world_.d_link.pools[0].shape;
  KvShape& sink = world_.d_client.pool.shape;
  const KvShape right[] = {source, sink};
  source.groups[0].part_bytes[0] = sink.groups[0].part_bytes[0] = kSlotBytes + 2;
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  ASSERT_EQ(d_results().size(), 1U);
  EXPECT_THAT(d_results()[0].detail, testing::HasSubstr("4098"));
  EXPECT_THAT(d_results()[0].detail, testing::HasSubstr("4096"));
  expect_failed(Reason::kPlan);
  source = right[0];
  sink = right[1];
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Refusals, a_draining_agent_takes_nothing_new) {
  world_.d->drain();
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  expect_failed(Reason::kDraining);
}

INSTANTIATE_TEST_SUITE_P(Paths, Refusals, every_path(), path_of);

}  // namespace
}  // namespace pegaflow::agent
