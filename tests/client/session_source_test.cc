// Producing: offers, readiness, credits, ends.
#include <gtest/gtest.h>

#include <future>

#include "tests/client/source_fixture.h"

namespace pegaflow::client::testing {
namespace {

TEST_F(SourceTest, an_offer_that_is_ready_is_gathered_and_left) {
  set_up();
  fill_pool();
  const Key key = offer(true);
  open(key);
  EXPECT_EQ(stub_.expect<wire::RingReady>().ready, n_chunks());
  pull(n_chunks());
  EXPECT_EQ(stub_.expect<wire::RingLeft>().stream, kStream);
  EXPECT_TRUE(holds_sequence(peer_pool_, peer_ids_));
  const Event sent = expect_event();
  EXPECT_EQ(sent.kind, EventKind::kSent);
  EXPECT_EQ(sent.key, key);
  stub_.send(wire::RingResult{EventKind::kDone, Reason::kNone, key, 0, 0, 0, {}});
  EXPECT_EQ(expect_event().kind, EventKind::kDone);
}

class TwoGroups : public SourceTest {
 protected:
  TwoGroups() : SourceTest({core::testing::small_group(4), core::testing::opaque_group(2, 512)}) {}
};

TEST_F(TwoGroups, groups_of_any_kind_travel_together) {
  set_up();
  fill_pool();
  open(offer(true));
  pull(n_chunks());
  EXPECT_TRUE(holds_sequence(peer_pool_, peer_ids_));
}

TEST_F(SourceTest, layers_are_pushed_as_they_are_computed) {
  set_up();
  fill_pool();
  const Key key = offer(false);
  open(key);
  EXPECT_EQ(stub_.expect<wire::RingReady>().ready, 0U) << "says that the plan was agreed";
  ASSERT_TRUE(session_->table(key, 0, 0, ids(), false).ok());
  const StepSpan span{key, {0, kTokens}};
  ASSERT_TRUE(session_->begin_step({&span, 1}).ok());
  const core::GroupPlan group = plan(wire::StreamRole::kSource).groups[0];
  ASSERT_GT(group.grid.n_layer_groups, 1U);
  for (std::uint32_t layer = 0; layer < group.grid.layers_per_chunk; ++layer) {
    ASSERT_TRUE(session_->layer_done(0, layer, kNoStream).ok());
  }
  stub_.expect_ready(group.grid.n_tiles);
  pull(group.grid.n_tiles);
  ASSERT_TRUE(session_->end_step(kNoStream).ok());
  stub_.expect_ready(n_chunks());
  pull(n_chunks() - group.grid.n_tiles);
  EXPECT_TRUE(holds_sequence(peer_pool_, peer_ids_));
}

TEST_F(SourceTest, tokens_are_ready_only_with_their_blocks) {
  set_up();
  const Key key = offer(false);
  open(key);
  stub_.expect_ready(0);
  ASSERT_TRUE(session_->mark_ready(key, 0, {0, 4}, {0, kTokens}, kNoStream).ok());
  ASSERT_TRUE(session_->table(key, 0, 0, ids(), false).ok());
  EXPECT_EQ(stub_.expect<wire::RingReady>().ready, n_chunks());
}

TEST_F(SourceTest, an_early_credit_waits_for_data) {
  set_up();
  fill_pool();
  const Key key = offer(false);
  open(key);
  stub_.expect_ready(0);
  const wire::SlotRef early = credit(0);
  mark_everything(key);
  const auto gathered = stub_.expect_past_ready<wire::RingGathered>();
  EXPECT_EQ(gathered.slots[0].slot, early);
}

TEST_F(SourceTest, the_header_says_what_the_slot_holds) {
  set_up();
  open(offer(true));
  const wire::SlotRef slot = credit(2, kStream, kPeerRegion);
  stub_.expect_past_ready<wire::RingGathered>();
  const auto header = stub_.region(kPeerRegion).control().read_header(slot.slot);
  EXPECT_EQ(header.xfer, kStream.xfer.value);
  EXPECT_EQ(header.stream, kStream.stream.value);
  EXPECT_EQ(header.peer, kPool.value);
  EXPECT_NE(header.t_ready, 0U);
  EXPECT_LE(header.t_ready, header.t_start);
  EXPECT_LE(header.t_start, header.t_end);
  EXPECT_EQ(stub_.word(slot).writer, stub_.writer());
}

TEST_F(SourceTest, a_revoked_credit_is_dropped_silently) {
  set_up();
  const Key key = offer(false);
  open(key);
  const wire::SlotRef revoked = credit(0);
  stub_.set_word(revoked, core::SlotState::kFree, 1);
  const wire::SlotRef good = credit(1);
  mark_everything(key);
  EXPECT_EQ(stub_.expect_past_ready<wire::RingGathered>().slots[0].slot, good);
  EXPECT_EQ(stub_.word(revoked).state, core::SlotState::kFree);
}

TEST_F(SourceTest, a_credit_for_a_region_that_was_unmapped_is_dropped) {
  set_up();
  const Key key = offer(false);
  open(key);
  stub_.expect_ready(0);
  credit(0, kStream, kPeerRegion);
  const wire::SlotRef good = credit(1);
  stub_.send_setup(wire::UnmapRegion{kPeerRegion});
  stub_.expect_setup<wire::Unmapped>();
  mark_everything(key);
  EXPECT_EQ(stub_.expect_past_ready<wire::RingGathered>().slots[0].slot, good);
}

TEST_F(SourceTest, a_stopped_stream_returns_its_credits) {
  set_up();
  open(offer(false));
  stub_.expect_ready(0);
  std::vector<wire::SlotRef> lent;
  for (std::uint32_t i = 0; i < 10; ++i) lent.push_back(credit(i));
  stub_.send(wire::RingStop{kStream, Reason::kCancelled});
  std::vector<wire::SlotRef> unspent;
  while (unspent.size() < lent.size()) {
    const auto stopped = stub_.expect<wire::RingStopped>();
    unspent.insert(unspent.end(), stopped.unspent.begin(), stopped.unspent.end());
  }
  EXPECT_EQ(unspent, lent);
  EXPECT_EQ(stub_.word(lent[0]).state, core::SlotState::kLoaned) << "never claimed";
}

TEST_F(SourceTest, stopping_a_stream_that_is_not_there_is_answered) {
  set_up();
  stub_.send(wire::RingStop{{XferId{77}, StreamId{1}}, Reason::kCancelled});
  const auto stopped = stub_.expect<wire::RingStopped>();
  EXPECT_EQ(stopped.stream.xfer, XferId{77});
  EXPECT_TRUE(stopped.unspent.empty());
}

TEST_F(SourceTest, a_failed_attempt_leaves_the_offer_open) {
  set_up();
  fill_pool();
  const Key key = offer(true);
  open(key);
  pull(1);
  stub_.send(wire::RingStop{kStream, Reason::kChecksum});
  stub_.expect_past_ready<wire::RingStopped>();
  const StreamKey again{XferId{2}, StreamId{1}};
  open(key, again);
  pull(n_chunks(), again);
  EXPECT_EQ(stub_.expect_past_ready<wire::RingLeft>().stream, again);
  EXPECT_TRUE(holds_sequence(peer_pool_, peer_ids_));
  EXPECT_EQ(expect_event().kind, EventKind::kSent);
}

TEST_F(SourceTest, sent_waits_for_every_consumer) {
  set_up();
  const Key key = offer(true);
  KvShape other = peer_pool_.shape();
  other.rank.pp = 0;
  other.rank.dp_size = 1;
  stub_.send_setup(wire::PeerPool{PoolId{22}, "engine-1", [&] {
                                    other.rank.tp_size = 2;
                                    other.rank.tp = 1;
                                    return other;
                                  }()});
  const StreamKey second{XferId{2}, StreamId{1}};
  open(key, kStream, 2);
  auto message = stream_message(wire::StreamRole::kSource, key, 0, second, 2);
  message.peer_pool = PoolId{22};
  const std::vector<core::TokenRange> all{{0, kTokens}};
  other.rank.tp_size = 2;
  other.rank.tp = 1;
  const auto half = core::plan_stream(own_pool_.shape(), other, all, kChunkBytes).value();
  message.plan_hash = half.hash;
  stub_.send(message);
  pull(n_chunks());
  EXPECT_EQ(stub_.expect_past_ready<wire::RingLeft>().stream, kStream);
  EXPECT_TRUE(session_->poll().empty());
  for (std::uint32_t i = 0; i < half.n_chunks; ++i) {
    credit(i, second);
    stub_.expect_past_ready<wire::RingGathered>();
  }
  EXPECT_EQ(stub_.expect<wire::RingLeft>().stream, second);
  EXPECT_EQ(expect_event().kind, EventKind::kSent);
}

TEST_F(SourceTest, a_stream_for_an_offer_that_was_sent_is_refused) {
  set_up();
  const Key key = offer(true);
  open(key);
  pull(n_chunks());
  stub_.expect<wire::RingLeft>();
  const StreamKey again{XferId{2}, StreamId{1}};
  open(key, again);
  EXPECT_EQ(stub_.expect<wire::RingStopped>().stream, again);
}

TEST_F(SourceTest, a_repeated_stream_is_ignored) {
  set_up();
  const Key key = offer(true);
  open(key);
  open(key);
  pull(n_chunks());
  stub_.expect<wire::RingLeft>();
}

TEST_F(SourceTest, a_plan_that_differs_stops_the_stream) {
  set_up();
  const Key key = offer(true);
  auto message = stream_message(wire::StreamRole::kSource, key);
  message.plan_hash ^= 1;
  stub_.send(message);
  EXPECT_EQ(stub_.expect<wire::RingStopped>().stream, kStream);
  stub_.send(wire::RingResult{EventKind::kFailed, Reason::kPlan, key, 0, 0, 0, {}});
  const Event event = expect_event();
  EXPECT_EQ(event.reason, Reason::kPlan);
  EXPECT_NE(event.detail.find("plan hash"), std::string::npos) << event.detail;
}

TEST_F(SourceTest, a_stream_that_asks_for_more_than_was_offered_is_stopped) {
  set_up();
  const Key key = offer(true);
  auto message = stream_message(wire::StreamRole::kSource, key);
  message.tokens[0].end = kTokens + 1;
  stub_.send(message);
  stub_.expect<wire::RingStopped>();
}

TEST_F(SourceTest, a_stream_of_unknown_pools_is_stopped) {
  set_up();
  const Key key = offer(true);
  auto message = stream_message(wire::StreamRole::kSource, key);
  message.peer_pool = PoolId{99};
  stub_.send(message);
  stub_.expect<wire::RingStopped>();
  EXPECT_TRUE(session_->alive());
}

TEST_F(SourceTest, a_credit_of_an_unknown_region_stops_its_stream) {
  set_up();
  const Key key = offer(false);
  open(key);
  stub_.expect_ready(0);
  stub_.send(wire::RingCredit{kStream, {{RegionId{99}, SlotIndex{0}, Generation{1}}}});
  EXPECT_EQ(stub_.expect<wire::RingStopped>().stream, kStream);
  EXPECT_TRUE(session_->alive());
}

TEST_F(SourceTest, a_slot_that_is_too_small_stops_the_stream) {
  set_up();
  // Chunks of up to 8 KiB, slots of 4.
  const Key key = offer(true);
  auto message = stream_message(wire::StreamRole::kSource, key);
  message.chunk_bytes = 8192;
  message.plan_hash = plan(wire::StreamRole::kSource, 8192).hash;
  stub_.send(message);
  const wire::SlotRef slot = credit(0);
  stub_.expect_past_ready<wire::RingStopped>();
  EXPECT_EQ(stub_.word(slot).state, core::SlotState::kLoaned);
}

TEST_F(SourceTest, rewound_tokens_are_not_gathered_until_computed_again) {
  set_up();
  const Key key = offer(true);
  open(key);
  stub_.expect_ready(n_chunks());
  ASSERT_TRUE(session_->rewind(key, 0, kNoStream).ok());
  EXPECT_EQ(stub_.expect<wire::RingRewound>().ready, 0U);
  const wire::SlotRef slot = credit(0);
  fill_pool();
  mark_everything(key);
  const auto gathered = stub_.expect_past_ready<wire::RingGathered>();
  EXPECT_EQ(gathered.slots[0].slot, slot);
  deliver(gathered.slots[0]);
  pull(n_chunks() - 1);
  EXPECT_TRUE(holds_sequence(peer_pool_, peer_ids_));
}

TEST_F(SourceTest, what_was_gathered_before_a_rewind_stays_counted) {
  set_up();
  const Key key = offer(true);
  open(key);
  pull(1);
  ASSERT_TRUE(session_->rewind(key, 0, kNoStream).ok());
  EXPECT_EQ(stub_.expect_past_ready<wire::RingRewound>().ready, 1U);
}

TEST_F(SourceTest, a_replaced_table_counts_from_now_on) {
  set_up();
  const Key key = offer(true);
  open(key);
  stub_.expect_ready(n_chunks());
  ASSERT_TRUE(session_->table(key, 0, 0, std::vector<std::uint32_t>{}, true).ok());
  EXPECT_EQ(stub_.expect<wire::RingRewound>().ready, 0U);
  const auto moved = ids(40);
  own_pool_.fill(kSeed, 0, 0, kTokens, moved);
  ASSERT_TRUE(session_->table(key, 0, 0, moved, true).ok());
  pull(n_chunks());
  EXPECT_TRUE(holds_sequence(peer_pool_, peer_ids_));
}

TEST_F(SourceTest, withdraw_ends_the_offer_at_once) {
  set_up();
  const Key key = offer(true);
  open(key);
  stub_.expect_ready(n_chunks());
  ASSERT_TRUE(session_->withdraw(key, Reason::kWithdrawn, kNoStream).ok());
  EXPECT_EQ(stub_.expect<wire::RingWithdraw>().key, key);
  EXPECT_EQ(expect_event().kind, EventKind::kWithdrawn);
  credit(0);
  stub_.send(wire::RingStop{kStream, Reason::kWithdrawn});
  stub_.expect<wire::RingStopped>();
  stub_.send(wire::RingResult{EventKind::kFailed, Reason::kWithdrawn, key, 0, 0, 0, {}});
  stub_.send(wire::RingStop{kStream, Reason::kWithdrawn});
  stub_.expect<wire::RingStopped>();
  EXPECT_TRUE(session_->poll().empty()) << "exactly one terminal event";
  EXPECT_EQ(session_->withdraw(key, Reason::kWithdrawn, kNoStream).error().code(), Code::kNotFound);
}

TEST_F(SourceTest, every_end_that_the_agent_may_tell_is_reported_once) {
  set_up();
  for (const EventKind kind :
       {EventKind::kDone, EventKind::kFailed, EventKind::kUnconfirmed, EventKind::kExpired}) {
    const Key key = offer(true);
    stub_.send(wire::RingResult{kind, Reason::kLinkLost, key, 0, 0, 0, "why"});
    stub_.send(wire::RingResult{EventKind::kFailed, Reason::kNone, key, 0, 0, 0, {}});
    const Event event = expect_event();
    EXPECT_EQ(event.kind, kind);
    EXPECT_EQ(event.key, key);
    EXPECT_EQ(event.reason, Reason::kLinkLost);
    EXPECT_EQ(event.detail, "why");
    EXPECT_FALSE(event.receive);
  }
}

TEST_F(SourceTest, an_end_that_offers_do_not_have_is_a_protocol_failure) {
  set_up();
  const Key key = offer(true);
  stub_.send(wire::RingResult{EventKind::kCancelled, Reason::kNone, key, 0, 0, 0, {}});
  const Event event = expect_event();
  EXPECT_EQ(event.kind, EventKind::kFailed);
  EXPECT_EQ(event.reason, Reason::kProtocol);
}

TEST_F(SourceTest, finish_is_told_once) {
  set_up();
  const Key key = offer(true);
  ASSERT_TRUE(session_->finish(key).ok());
  ASSERT_TRUE(session_->finish(key).ok());
  EXPECT_EQ(stub_.expect<wire::RingFinish>().key, key);
  offer(false);  // the next message is its OFFER
}

// Consumers may be done before the engine's thread comes to it.
TEST_F(SourceTest, finish_wakes_an_agent_that_sleeps) {
  set_up();
  const Key key = offer(false);
  stub_.fall_asleep();
  ASSERT_TRUE(session_->finish(key).ok());
  EXPECT_TRUE(stub_.woken());
  EXPECT_EQ(stub_.expect<wire::RingFinish>().key, key);
}

TEST_F(SourceTest, what_is_ready_wakes_an_agent_that_sleeps) {
  set_up();
  const Key key = offer(false);
  open(key);
  stub_.expect_ready(0);
  stub_.fall_asleep();
  mark_everything(key);
  EXPECT_TRUE(stub_.woken());
  stub_.expect_ready(1);
}

TEST_F(SourceTest, an_offer_that_has_just_ended_may_be_finished) {
  set_up();
  const Key key = offer(true);
  stub_.send(wire::RingResult{EventKind::kDone, Reason::kNone, key, 0, 0, 0, {}});
  EXPECT_EQ(expect_event().kind, EventKind::kDone);
  EXPECT_TRUE(session_->finish(key).ok());
  EXPECT_EQ(session_->mark_ready(key, 0, {0, 1}, {0, 1}, kNoStream).error().code(),
            Code::kNotFound);
  EXPECT_EQ(session_->finish(Key::random()).error().code(), Code::kNotFound);
}

TEST_F(SourceTest, a_key_is_disowned_unless_it_is_offered) {
  set_up();
  const Key lost = Key::random();
  ASSERT_TRUE(session_->disown(lost).ok());
  const auto told = stub_.expect<wire::RingWithdraw>();
  EXPECT_EQ(told.key, lost);
  EXPECT_EQ(told.reason, Reason::kGone);
  EXPECT_EQ(session_->disown(offer(false)).error().code(), Code::kFailedPrecondition);
}

TEST_F(SourceTest, bad_calls_are_refused) {
  set_up();
  const Key key = offer(false);
  OfferSpec again;
  again.key = key;
  again.pool = pool_;
  again.n_tokens = 1;
  EXPECT_EQ(session_->offer(again).error().code(), Code::kAlreadyExists);
  again.key = Key::random();
  again.n_tokens = 0;
  EXPECT_EQ(session_->offer(again).error().code(), Code::kInvalidArgument);
  again.n_tokens = 1;
  again.pool.value = 99;
  EXPECT_EQ(session_->offer(again).error().code(), Code::kNotFound);
  again.pool = pool_;
  again.key.space = KeySpace::kContent;
  EXPECT_EQ(session_->offer(again).error().code(), Code::kUnsupported);
  again.key.space = KeySpace::kTransfer;
  again.lease = std::chrono::milliseconds(-1);
  EXPECT_EQ(session_->offer(again).error().code(), Code::kInvalidArgument);

  EXPECT_EQ(session_->mark_cached(Key::random(), 1, kNoStream).error().code(), Code::kNotFound);
  EXPECT_EQ(session_->mark_cached(key, kTokens + 1, kNoStream).error().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(session_->mark_cached(key, 1, 5).error().code(), Code::kUnsupported);
  EXPECT_EQ(session_->table(key, 1, 0, ids(), false).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(session_->table(key, 0, 0, std::vector<std::uint32_t>{64}, false).error().code(),
            Code::kInvalidArgument);
}

TEST_F(SourceTest, steps_are_checked) {
  set_up();
  const Key key = offer(false);
  EXPECT_EQ(session_->layer_done(0, 0, kNoStream).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(session_->end_step(kNoStream).error().code(), Code::kFailedPrecondition);
  const StepSpan gap{key, {4, 8}};
  EXPECT_EQ(session_->begin_step({&gap, 1}).error().code(), Code::kInvalidArgument);
  const std::vector<StepSpan> spans{{Key::random(), {0, 4}}, {key, {0, 4}}};
  ASSERT_TRUE(session_->begin_step(spans).ok()) << "keys that ended are left out";
  EXPECT_EQ(session_->begin_step(spans).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(session_->layer_done(0, 4, kNoStream).error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(session_->layer_done(0, 3, kNoStream).ok());
  ASSERT_TRUE(session_->withdraw(key, Reason::kWithdrawn, kNoStream).ok());
  EXPECT_TRUE(session_->layer_done(0, 2, kNoStream).ok());
  EXPECT_TRUE(session_->end_step(kNoStream).ok());
}

}  // namespace
}  // namespace pegaflow::client::testing
