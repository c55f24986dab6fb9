// Producing on a GPU: readiness by marks, and what is taken back while copies are in flight.
#include <gtest/gtest.h>

#include <future>
#include <utility>
#include <vector>

#include "client/limits.h"
#include "tests/client/gpu_fixture.h"
#include "tests/client/source_fixture.h"

namespace pegaflow::client::testing {
namespace {

class StreamsTest : public WithGpu<SourceTest> {
 protected:
  // An offer with its table and a stream that reads it; nothing is ready.
  Key open_offer() {
    const Key key = offer(false);
    EXPECT_TRUE(session_->table(key, 0, 0, ids(), false).ok());
    open(key);
    stub_.expect_ready(0);
    return key;
  }
  Status mark(const Key& key, TokenInterval tokens, StreamHandle stream) {
    return session_->mark_ready(key, 0, {0, 4}, tokens, stream);
  }
  // Something else becomes ready, which the mover has seen when this returns: what was said before
  // and is not held back has taken effect, too.
  void let_the_mover_look() {
    look();
    look();  // the first may have been answered in a round that had begun before
  }
  void look() {
    const StreamKey other{XferId{99}, StreamId{++looks_}};
    const Key key = offer(true);
    open(key, other);
    EXPECT_EQ(stub_.expect<wire::RingReady>().stream, other);
    ASSERT_TRUE(session_->withdraw(key, Reason::kWithdrawn, kNoStream).ok());
    stub_.expect<wire::RingWithdraw>();
    EXPECT_EQ(expect_event().kind, EventKind::kWithdrawn);
  }
  // Lends slots for all chunks, whose gathers are launched, and stay on the GPU.
  std::vector<wire::SlotRef> launch_gathers() {
    gpu_->hold_copies();
    std::vector<wire::SlotRef> lent;
    wire::RingCredit credits{kStream, {}};
    for (std::uint32_t i = 0; i < n_chunks(); ++i) {
      credits.slots.push_back(stub_.lend(kOwnRegion, i));
      lent.push_back(credits.slots.back());
    }
    stub_.send(credits);
    gpu_->wait_for_launched(n_chunks());
    return lent;
  }
  // The engine's next work on its stream: other data in the same blocks.
  void overwrite_blocks() {
    gpu_->launch(kCompute, [this] { own_pool_.fill(kSeed + 1, 0, 0, kTokens, ids()); });
  }
  void deliver_all() {
    for (std::uint32_t i = 0; i < n_chunks(); ++i) {
      deliver(stub_.expect_past_ready<wire::RingGathered>().slots[0]);
    }
    EXPECT_TRUE(holds_sequence(peer_pool_, peer_ids_));
  }

  std::uint32_t looks_ = 0;
};

TEST_F(StreamsTest, tokens_are_ready_when_the_stream_has_computed_them) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  const Key key = open_offer();
  gpu_->launch(kCompute, [this] { fill_pool(); });
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  const wire::SlotRef early = credit(0);
  let_the_mover_look();
  EXPECT_EQ(stub_.word(early).state, core::SlotState::kLoaned) << "claimed before it can be filled";
  gpu_->go_on(kCompute);
  EXPECT_EQ(stub_.expect<wire::RingReady>().ready, n_chunks());
  deliver(stub_.expect<wire::RingGathered>().slots[0]);
  for (std::uint32_t i = 1; i < n_chunks(); ++i) {
    credit(i);
    deliver(stub_.expect<wire::RingGathered>().slots[0]);
  }
  EXPECT_TRUE(holds_sequence(peer_pool_, peer_ids_));
  EXPECT_EQ(gpu_->marks_out(), 0U);
}

TEST_F(StreamsTest, what_is_cached_may_wait_for_a_stream_too) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  const Key key = open_offer();
  ASSERT_TRUE(session_->mark_cached(key, kTokens, kCompute).ok());
  let_the_mover_look();
  gpu_->go_on(kCompute);
  EXPECT_EQ(stub_.expect<wire::RingReady>().ready, n_chunks());
}

TEST_F(StreamsTest, layers_of_a_step_are_ready_one_after_the_other) {
  set_up_gpu();
  const Key key = open_offer();
  const core::GroupPlan group = plan(wire::StreamRole::kSource).groups[0];
  ASSERT_GT(group.grid.n_layer_groups, 1U);
  const StepSpan span{key, {0, kTokens}};
  ASSERT_TRUE(session_->begin_step({&span, 1}).ok());
  for (std::uint32_t layer = 0; layer < group.grid.layers_per_chunk; ++layer) {
    ASSERT_TRUE(session_->layer_done(0, layer, kCompute).ok());
  }
  stub_.expect_ready(group.grid.n_tiles);
  gpu_->hold_stream(kCompute);
  ASSERT_TRUE(session_->end_step(kCompute).ok());
  // The next step begins while the GPU is still in this one.
  const StepSpan next{key, {kTokens, kTokens}};
  ASSERT_TRUE(session_->begin_step({&next, 1}).ok());
  ASSERT_TRUE(session_->end_step(kCompute).ok());
  let_the_mover_look();
  gpu_->go_on(kCompute);
  EXPECT_EQ(stub_.expect<wire::RingReady>().ready, n_chunks());
}

TEST_F(StreamsTest, gathers_run_beside_compute_until_all_is_computed) {
  set_up_gpu();
  const Key key = open_offer();
  const core::GroupPlan group = plan(wire::StreamRole::kSource).groups[0];
  ASSERT_GT(group.grid.n_layer_groups, 1U);
  const LayerRange first{0, group.grid.layers_per_chunk};
  ASSERT_TRUE(session_->mark_ready(key, 0, first, {0, kTokens}, kCompute).ok());
  stub_.expect_ready(group.grid.n_tiles);
  credit(0, kStream, kPeerRegion);
  deliver(stub_.expect_past_ready<wire::RingGathered>().slots[0]);
  EXPECT_EQ(gpu_->beside_compute(), 1U);
  // Within the engine's own GPU a copy engine is no help.
  credit(0, kStream, kOwnRegion);
  deliver(stub_.expect_past_ready<wire::RingGathered>().slots[0]);
  EXPECT_EQ(gpu_->beside_compute(), 1U);
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  stub_.expect_ready(n_chunks());
  credit(1, kStream, kPeerRegion);
  deliver(stub_.expect_past_ready<wire::RingGathered>().slots[0]);
  EXPECT_EQ(gpu_->beside_compute(), 1U);
}

TEST_F(StreamsTest, what_is_marked_without_a_stream_does_not_overtake) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens / 2}, kCompute).ok());
  ASSERT_TRUE(mark(key, {kTokens / 2, kTokens}, kNoStream).ok()) << "continues what was announced";
  let_the_mover_look();
  gpu_->go_on(kCompute);
  stub_.expect_ready(n_chunks());
}

TEST_F(StreamsTest, a_step_without_a_stream_does_not_overtake_either) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens / 2}, kCompute).ok());
  const StepSpan span{key, {kTokens / 2, kTokens}};
  ASSERT_TRUE(session_->begin_step({&span, 1}).ok());
  ASSERT_TRUE(session_->end_step(kNoStream).ok());
  let_the_mover_look();
  gpu_->go_on(kCompute);
  stub_.expect_ready(n_chunks());
}

TEST_F(StreamsTest, a_gap_to_what_was_announced_is_refused) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, 8}, kCompute).ok());
  EXPECT_EQ(mark(key, {12, 16}, kCompute).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(gpu_->marks_out(), 1U) << "the refused call's mark went back";
}

TEST_F(StreamsTest, a_rewind_drops_marks_that_have_not_passed) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  ASSERT_TRUE(session_->rewind(key, 0, kCompute).ok());
  gpu_->go_on(kCompute);
  let_the_mover_look();  // READY for the other stream comes first: nothing was ready here
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  EXPECT_EQ(stub_.expect<wire::RingReady>().ready, n_chunks());
}

TEST_F(StreamsTest, a_rewind_cuts_the_steps_that_the_gpu_has_not_done) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  const Key key = open_offer();
  const StepSpan span{key, {0, kTokens}};
  ASSERT_TRUE(session_->begin_step({&span, 1}).ok());
  ASSERT_TRUE(session_->end_step(kCompute).ok());
  ASSERT_TRUE(session_->rewind(key, 0, kCompute).ok());
  gpu_->go_on(kCompute);
  let_the_mover_look();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  EXPECT_EQ(stub_.expect<wire::RingReady>().ready, n_chunks());
}

TEST_F(StreamsTest, all_ready_slots_are_one_launch) {
  set_up_gpu();
  fill_pool();
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  stub_.expect_ready(n_chunks());
  launch_gathers();
  EXPECT_EQ(gpu_->largest_batch(), std::min<std::size_t>(kBatch, n_chunks()));
  gpu_->let_copies_go();
  deliver_all();
}

TEST_F(StreamsTest, the_first_launch_takes_no_more_slots_than_the_mover_asks_for) {
  set_up_gpu();
  gpu_->ask_first_for(2);
  fill_pool();
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  stub_.expect_ready(n_chunks());
  launch_gathers();
  EXPECT_EQ(gpu_->first_batch(), 2U);
  gpu_->let_copies_go();
  deliver_all();
}

TEST_F(StreamsTest, rewritten_blocks_wait_for_the_gathers_in_flight) {
  set_up_gpu();
  fill_pool();
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  launch_gathers();
  ASSERT_TRUE(session_->rewind(key, 0, kCompute).ok()) << "does not wait: the copies are held";
  overwrite_blocks();
  gpu_->let_copies_go();
  deliver_all();
}

TEST_F(StreamsTest, withdrawn_blocks_wait_for_the_gathers_in_flight) {
  set_up_gpu();
  fill_pool();
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  launch_gathers();
  ASSERT_TRUE(session_->withdraw(key, Reason::kWithdrawn, kCompute).ok());
  stub_.expect_past_ready<wire::RingWithdraw>();
  overwrite_blocks();
  EXPECT_TRUE(session_->poll().empty()) << "reported when no copy reads the blocks any more";
  gpu_->let_copies_go();
  deliver_all();
  EXPECT_EQ(expect_event().kind, EventKind::kWithdrawn);
}

TEST_F(StreamsTest, a_replaced_tables_blocks_wait_for_the_gathers_in_flight) {
  set_up_gpu();
  fill_pool();
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  launch_gathers();
  ASSERT_TRUE(session_->table(key, 0, 0, ids(40), true, kCompute).ok());
  overwrite_blocks();
  gpu_->let_copies_go();
  deliver_all();
}

TEST_F(StreamsTest, without_a_stream_a_rewind_waits_for_the_gathers_in_flight) {
  set_up_gpu();
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  launch_gathers();
  auto rewound =
      std::async(std::launch::async, [&] { return session_->rewind(key, 0, kNoStream); });
  EXPECT_EQ(rewound.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  gpu_->let_copies_go();
  EXPECT_TRUE(rewound.get().ok());
}

TEST_F(StreamsTest, a_rewind_waits_for_launches_that_are_on_their_way) {
  set_up_gpu();
  fill_pool();
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  stub_.expect_ready(n_chunks());
  gpu_->hold_launches();
  credit(0);
  gpu_->wait_for_submit();  // claimed, and not yet known to the GPU
  gpu_->hold_copies();
  auto rewound = std::async(std::launch::async, [&] { return session_->rewind(key, 0, kCompute); });
  EXPECT_EQ(rewound.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  gpu_->let_launches_go();
  ASSERT_TRUE(rewound.get().ok());
  overwrite_blocks();
  gpu_->let_copies_go();
  auto message = stub_.next();
  while (!std::holds_alternative<wire::RingGathered>(message)) message = stub_.next();
  deliver(std::get<wire::RingGathered>(message).slots[0]);  // checked against the old bytes' sum
}

TEST_F(StreamsTest, other_offers_copies_are_not_waited_for) {
  set_up_gpu();
  const Key other = offer(true);
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  launch_gathers();
  ASSERT_TRUE(session_->rewind(other, 0, kNoStream).ok());
}

class FewMarksTest : public StreamsTest {
 protected:
  void SetUp() override {
    set_up_gpu(kMaxReadyMarks);
    gpu_->hold_stream(kCompute);
    key_ = open_offer();
  }
  void use_up(std::size_t marks) {
    for (std::size_t i = 0; i < marks; ++i) ASSERT_TRUE(mark(key_, {0, 1}, kCompute).ok());
  }
  Key key_;
};

TEST_F(FewMarksTest, more_marks_than_there_are_is_refused_and_harmless) {
  use_up(kMaxReadyMarks);
  EXPECT_EQ(mark(key_, {0, 1}, kCompute).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(mark(key_, {0, 1}, kNoStream).error().code(), Code::kResourceExhausted);
  gpu_->go_on(kCompute);
  let_the_mover_look();
  ASSERT_TRUE(mark(key_, {0, kTokens}, kCompute).ok());
  stub_.expect_ready(n_chunks());
  EXPECT_EQ(gpu_->marks_out(), 0U);
}

TEST_F(FewMarksTest, layers_without_a_mark_are_left_to_the_end_of_the_step) {
  use_up(kMaxReadyMarks - kReservedReadyMarks);
  const StepSpan span{key_, {0, kTokens}};
  ASSERT_TRUE(session_->begin_step({&span, 1}).ok());
  for (std::uint32_t layer = 0; layer < 4; ++layer) {
    ASSERT_TRUE(session_->layer_done(0, layer, kCompute).ok());
  }
  EXPECT_EQ(gpu_->marks_out(), kMaxReadyMarks - kReservedReadyMarks);
  ASSERT_TRUE(session_->end_step(kCompute).ok());
  gpu_->go_on(kCompute);
  stub_.expect_ready(n_chunks());
}

TEST_F(FewMarksTest, a_refused_end_of_a_step_can_be_said_again) {
  const StepSpan span{key_, {0, kTokens}};
  ASSERT_TRUE(session_->begin_step({&span, 1}).ok());
  use_up(kMaxReadyMarks);
  EXPECT_EQ(session_->end_step(kCompute).error().code(), Code::kResourceExhausted);
  gpu_->go_on(kCompute);
  let_the_mover_look();
  ASSERT_TRUE(session_->end_step(kCompute).ok());
  stub_.expect_ready(n_chunks());
}

TEST_F(StreamsTest, a_step_that_concerns_no_offer_records_nothing) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  ASSERT_TRUE(session_->begin_step({}).ok());
  ASSERT_TRUE(session_->layer_done(0, 0, kCompute).ok());
  ASSERT_TRUE(session_->end_step(kCompute).ok());
  EXPECT_EQ(gpu_->marks_out(), 0U);
}

TEST_F(StreamsTest, an_offer_may_end_before_its_marks_have_passed) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  const Key key = open_offer();
  const StepSpan span{key, {0, kTokens}};
  ASSERT_TRUE(mark(key, {0, 8}, kCompute).ok());
  ASSERT_TRUE(session_->begin_step({&span, 1}).ok());
  ASSERT_TRUE(session_->end_step(kCompute).ok());
  ASSERT_TRUE(session_->withdraw(key, Reason::kWithdrawn, kCompute).ok());
  EXPECT_EQ(expect_event().kind, EventKind::kWithdrawn);
  stub_.expect<wire::RingWithdraw>();
  gpu_->go_on(kCompute);
  let_the_mover_look();
  EXPECT_EQ(gpu_->marks_out(), 0U);
}

TEST_F(StreamsTest, a_lost_agent_ends_offers_with_marks_on_the_gpu) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  stub_.hang_up();
  EXPECT_EQ(expect_event().reason, Reason::kAgentLost);
  EXPECT_EQ(mark(key, {0, kTokens}, kCompute).error().code(), Code::kUnavailable);
}

TEST_F(StreamsTest, a_lost_gpu_ends_the_session) {
  set_up_gpu();
  gpu_->hold_stream(kCompute);
  const Key key = open_offer();
  ASSERT_TRUE(mark(key, {0, kTokens}, kCompute).ok());
  gpu_->lose();
  const Event event = expect_event();
  EXPECT_EQ(event.kind, EventKind::kFailed);
  EXPECT_NE(event.detail.find("fell off the bus"), std::string::npos) << event.detail;
  EXPECT_FALSE(session_->alive());
}

// A model of so many layers that a quarter of the transfer, which a burst is at most, is several.
class BurstTest : public WithGpu<SourceTest> {
 protected:
  static constexpr std::uint32_t kLayers = 16;
  BurstTest() : WithGpu(std::vector{core::testing::small_group(kLayers)}) {}

  // An offer whose first layer is computed, and one chunk of it in a slot of `region`.
  Key begin(RegionId region) {
    set_up_gpu(4096, 1U << 30U);
    const Key key = offer(false);
    EXPECT_TRUE(session_->table(key, 0, 0, ids(), false).ok());
    open(key);
    stub_.expect_ready(0);
    compute(key, 0);
    EXPECT_EQ(stub_.expect<wire::RingReady>().ready, chunks_of_layers(1));
    credit(0, kStream, region);
    deliver(stub_.expect<wire::RingGathered>().slots[0]);
    return key;
  }
  void compute(const Key& key, std::uint32_t layer) {
    ASSERT_TRUE(session_->mark_ready(key, 0, {layer, layer + 1}, {0, kTokens}, kCompute).ok());
    gpu_->wait_for_marks();
    ASSERT_EQ(gpu_->marks_out(), 0U) << "the mark was not seen";
  }
  std::uint32_t chunks_of_layers(std::uint32_t layers) const {
    return n_chunks() / kLayers * layers;
  }
};

TEST_F(BurstTest, over_a_link_what_is_computed_leaves_in_bursts) {
  const Key key = begin(kPeerRegion);
  for (std::uint32_t layer = 1; layer < kLayers; ++layer) compute(key, layer);
  std::vector<std::uint32_t> more;  // chunks, each time
  for (std::uint32_t told = chunks_of_layers(1); told < n_chunks();) {
    const std::uint32_t ready = stub_.expect<wire::RingReady>().ready;
    more.push_back(ready - std::exchange(told, ready));
  }
  EXPECT_LE(more.size(), 4U);
  more.pop_back();  // what was left at the end
  for (const std::uint32_t chunks : more) EXPECT_GE(chunks, n_chunks() / 4);
}

TEST_F(BurstTest, within_a_gpu_it_leaves_at_once) {
  const Key key = begin(kOwnRegion);
  for (std::uint32_t layer = 1; layer < kLayers; ++layer) {
    compute(key, layer);
    EXPECT_EQ(stub_.expect<wire::RingReady>().ready, chunks_of_layers(layer + 1));
  }
}

}  // namespace
}  // namespace pegaflow::client::testing
