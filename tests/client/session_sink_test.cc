// Consuming: receives, scatters, ends.
#include <gtest/gtest.h>

#include <functional>
#include <mutex>

#include "tests/client/forwarding_mover.h"
#include "tests/client/sink_fixture.h"

namespace pegaflow::client::testing {
namespace {

using std::chrono::microseconds;

TEST_F(SinkTest, a_receive_is_done_when_every_chunk_is_in_place) {
  set_up();
  fill_peer();
  const Key key = Key::random();
  const auto handle = receive(key);
  open(key, handle);
  stub_.send(wire::RingResult{EventKind::kOffered, Reason::kNone, key, handle, 500, 70, {}});
  for (std::uint32_t i = 0; i < n_chunks(); ++i) {
    EXPECT_TRUE(session_->poll().empty());
    EXPECT_TRUE(scatter(filled(i, i % 16)).ok);
  }
  const Event event = expect_event();
  EXPECT_EQ(event.kind, EventKind::kDone);
  EXPECT_EQ(event.key, key);
  EXPECT_TRUE(event.receive);
  EXPECT_EQ(event.valid_tokens, kTokens);
  EXPECT_EQ(event.stats.bytes, plan(wire::StreamRole::kSink).bytes);
  EXPECT_EQ(event.stats.chunks, n_chunks());
  EXPECT_EQ(event.stats.streams, 1U);
  EXPECT_EQ(event.stats.gather, microseconds(10) * n_chunks());
  EXPECT_EQ(event.stats.wire, microseconds(3) * n_chunks());
  EXPECT_EQ(event.stats.offer_wait, microseconds(500));
  EXPECT_EQ(event.stats.grant, microseconds(70));
  EXPECT_EQ(event.stats.last_ready_ns, 1000U + n_chunks() - 1);
  EXPECT_GT(event.stats.total.count(), 0);
  EXPECT_TRUE(holds_sequence(own_pool_, ids()));
}

TEST_F(SinkTest, the_request_says_what_was_asked) {
  set_up();
  ReceiveSpec spec = receive_spec(Key::random());
  spec.reference = 77;
  spec.total = std::chrono::milliseconds(900);
  spec.trace_id = 5;
  spec.content.fill(3);
  spec.groups[0].tokens = {8, 30};
  spec.groups[0].block_ids.resize(6);
  ASSERT_TRUE(session_->receive(spec).ok());
  const auto message = stub_.expect<wire::RingReceive>();
  EXPECT_EQ(message.key, spec.key);
  EXPECT_NE(message.handle, 0U);
  EXPECT_EQ(message.pool, kPool);
  EXPECT_EQ(message.source, spec.source);
  EXPECT_EQ(message.reference, 77U);
  EXPECT_EQ(message.total_ms, 900U);
  EXPECT_EQ(message.trace_id, 5U);
  EXPECT_EQ(message.content, spec.content);
  ASSERT_EQ(message.tokens.size(), 1U);
  EXPECT_EQ(message.tokens[0], (wire::TokenSpan{8, 30}));
}

class TwoGroups : public SinkTest {
 protected:
  TwoGroups() : SinkTest({core::testing::small_group(4), core::testing::opaque_group(2, 512)}) {}
};

TEST_F(TwoGroups, groups_of_any_kind_travel_together) {
  set_up();
  fill_peer();
  const Key key = Key::random();
  open(key, receive(key));
  for (std::uint32_t i = n_chunks(); i-- > 0;) EXPECT_TRUE(scatter(filled(i, i % 16)).ok);
  EXPECT_EQ(expect_event().kind, EventKind::kDone);
  EXPECT_TRUE(holds_sequence(own_pool_, ids()));
}

TEST_F(SinkTest, a_receive_without_streams_is_done_when_the_agent_says_so) {
  set_up();
  const Key key = Key::random();
  const auto handle = receive(key);
  stub_.send(wire::RingResult{EventKind::kDone, Reason::kNone, key, handle, 0, 0, {}});
  const Event event = expect_event();
  EXPECT_EQ(event.kind, EventKind::kDone);
  EXPECT_EQ(event.valid_tokens, kTokens);
}

TEST_F(SinkTest, done_is_not_believed_while_chunks_are_missing) {
  set_up();
  const Key key = Key::random();
  const auto handle = receive(key);
  open(key, handle);
  stub_.send(wire::RingResult{EventKind::kDone, Reason::kNone, key, handle, 0, 0, {}});
  const Event event = expect_event();
  EXPECT_EQ(event.kind, EventKind::kFailed);
  EXPECT_EQ(event.reason, Reason::kProtocol);
}

TEST_F(SinkTest, done_waits_for_every_stream) {
  set_up();
  fill_peer();
  const Key key = Key::random();
  const auto handle = receive(key);
  const StreamKey second{XferId{1}, StreamId{2}};
  open(key, handle, kStream, 2);
  open(key, handle, second, 2);
  for (std::uint32_t i = 0; i < n_chunks(); ++i) EXPECT_TRUE(scatter(filled(i, 0)).ok);
  EXPECT_TRUE(session_->poll().empty());
  for (std::uint32_t i = 0; i < n_chunks(); ++i) EXPECT_TRUE(scatter(filled(i, 0), second).ok);
  EXPECT_EQ(expect_event().kind, EventKind::kDone);
}

TEST_F(SinkTest, damaged_bytes_are_noticed_and_the_prefix_is_told) {
  set_up();
  fill_peer();
  const Key key = Key::random();
  const auto handle = receive(key);
  open(key, handle);
  const core::GroupPlan group = plan(wire::StreamRole::kSink).groups[0];
  ASSERT_GT(group.grid.n_tiles, 1U);
  for (std::uint32_t i = 0; i < group.grid.n_layer_groups; ++i) {
    EXPECT_TRUE(scatter(filled(i, 0)).ok);
  }
  const auto damaged = filled(group.grid.n_layer_groups, 1);
  stub_.region(kOwnRegion).slot(SlotIndex{1})[5] ^= std::byte{1};
  EXPECT_FALSE(scatter(damaged).ok);
  EXPECT_FALSE(scatter(filled(group.grid.n_layer_groups + 1, 2)).ok) << "it cannot end well now";
  stub_.send(wire::RingResult{EventKind::kFailed, Reason::kChecksum, key, handle, 0, 0, "chunk 4"});
  const Event event = expect_event();
  EXPECT_EQ(event.kind, EventKind::kFailed);
  EXPECT_EQ(event.reason, Reason::kChecksum);
  EXPECT_EQ(event.detail, "chunk 4");
  EXPECT_EQ(event.valid_tokens, group.grid.tile_tokens);
}

TEST_F(SinkTest, a_slot_that_was_taken_back_before_the_copy_is_not_read) {
  set_up();
  const Key key = Key::random();
  open(key, receive(key));
  const auto slot = filled(0, 0);
  stub_.set_word(slot.slot, core::SlotState::kFree, 1);
  EXPECT_FALSE(scatter(slot).ok);
}

TEST_F(SinkTest, a_slot_that_is_only_lent_is_not_read) {
  set_up();
  const Key key = Key::random();
  open(key, receive(key));
  const auto slot = filled(0, 0);
  stub_.set_word(slot.slot, core::SlotState::kLoaned);
  EXPECT_FALSE(scatter(slot).ok);
}

// Does something in the middle of every copy.
class InterruptedMover final : public ForwardingMover {
 public:
  InterruptedMover(const Clock& clock, std::function<void()> interrupt)
      : ForwardingMover(clock), interrupt_(std::move(interrupt)) {}
  void submit(std::span<const memory::MoveJob> jobs) override {
    interrupt_();
    inner_.submit(jobs);
  }

 private:
  std::function<void()> interrupt_;
};

TEST_F(SinkTest, a_slot_that_is_taken_back_under_the_copy_fails_the_chunk) {
  std::mutex mutex;
  wire::ScatterSlot slot;
  set_up(std::make_unique<InterruptedMover>(steady_, [&] {
    const std::lock_guard lock(mutex);
    stub_.set_word(slot.slot, core::SlotState::kFilled, 1);
  }));
  fill_peer();
  const Key key = Key::random();
  open(key, receive(key));
  {
    const std::lock_guard lock(mutex);
    slot = filled(0, 0);
  }
  EXPECT_FALSE(scatter(slot).ok);
}

TEST_F(SinkTest, a_stopped_stream_drops_what_was_handed_out) {
  set_up();
  fill_peer();
  const Key key = Key::random();
  const auto handle = receive(key);
  open(key, handle);
  scatter(filled(0, 0));
  stub_.send(wire::RingStop{kStream, Reason::kSibling});
  EXPECT_EQ(stub_.expect<wire::RingStopped>().stream, kStream);
  EXPECT_FALSE(scatter(filled(1, 1)).ok) << "nothing is copied after STOPPED";
  stub_.send(wire::RingResult{EventKind::kFailed, Reason::kSibling, key, handle, 0, 0, {}});
  EXPECT_EQ(expect_event().reason, Reason::kSibling);
}

TEST_F(SinkTest, cancel_is_asked_for_and_told_by_the_agent) {
  set_up();
  const Key key = Key::random();
  const auto handle = receive(key);
  ASSERT_TRUE(session_->cancel(key).ok());
  ASSERT_TRUE(session_->cancel(key).ok()) << "twice is fine";
  EXPECT_EQ(stub_.expect<wire::RingCancel>().handle, handle);
  stub_.send(wire::RingResult{EventKind::kCancelled, Reason::kCancelled, key, handle, 0, 0, {}});
  EXPECT_EQ(expect_event().kind, EventKind::kCancelled);
  EXPECT_EQ(session_->cancel(key).error().code(), Code::kNotFound);
}

TEST_F(SinkTest, done_may_win_against_cancel) {
  set_up();
  fill_peer();
  const Key key = Key::random();
  const auto handle = receive(key);
  open(key, handle);
  ASSERT_TRUE(session_->cancel(key).ok());
  stub_.expect<wire::RingCancel>();
  for (std::uint32_t i = 0; i < n_chunks(); ++i) scatter(filled(i, 0));
  EXPECT_EQ(expect_event().kind, EventKind::kDone);
  stub_.send(wire::RingResult{EventKind::kCancelled, Reason::kCancelled, key, handle, 0, 0, {}});
  receive(key);  // the key is free again: the late result was dropped
  EXPECT_TRUE(session_->poll().empty());
}

TEST_F(SinkTest, a_plan_that_differs_fails_the_receive) {
  set_up();
  const Key key = Key::random();
  const auto handle = receive(key);
  auto message = stream_message(wire::StreamRole::kSink, key, handle);
  message.plan_hash ^= 1;
  stub_.send(message);
  EXPECT_EQ(stub_.expect<wire::RingStopped>().stream, kStream);
  EXPECT_EQ(stub_.expect<wire::RingCancel>().handle, handle);
  EXPECT_EQ(expect_event().reason, Reason::kPlan);
}

TEST_F(SinkTest, streams_that_do_not_fit_the_request_fail_it) {
  set_up();
  const std::vector<std::function<void(wire::RingStream&)>> changes{
      [](auto& m) { m.tokens[0].end -= 4; }, [](auto& m) { m.tokens.clear(); },
      [](auto& m) { m.key = Key::random(); }, [](auto& m) { m.streams = 0; },
      [](auto& m) { m.pool = PoolId{99}; }};
  for (const auto& change : changes) {
    const Key key = Key::random();
    auto message = stream_message(wire::StreamRole::kSink, key, receive(key));
    change(message);
    stub_.send(message);
    stub_.expect<wire::RingStopped>();
    stub_.expect<wire::RingCancel>();
    EXPECT_EQ(expect_event().kind, EventKind::kFailed);
  }
}

// The peer's engine or the link ended before this client came to the stream: the agent says why.
TEST_F(SinkTest, a_stream_of_a_pool_that_is_gone_is_stopped_and_the_agent_tells_the_end) {
  set_up();
  const Key key = Key::random();
  const auto handle = receive(key);
  auto message = stream_message(wire::StreamRole::kSink, key, handle);
  message.peer_pool = PoolId{99};
  stub_.send(message);
  EXPECT_EQ(stub_.expect<wire::RingStopped>().stream, kStream);
  stub_.send(wire::RingResult{EventKind::kFailed, Reason::kLinkLost, key, handle, 0, 0, {}});
  EXPECT_EQ(expect_event().reason, Reason::kLinkLost);
}

TEST_F(SinkTest, a_stream_for_an_ended_receive_is_stopped) {
  set_up();
  open(Key::random(), 4711);
  EXPECT_EQ(stub_.expect<wire::RingStopped>().stream, kStream);
  EXPECT_FALSE(scatter(filled(0, 0)).ok);
}

TEST_F(SinkTest, scatters_out_of_bounds_fail_the_receive_and_touch_nothing) {
  set_up();
  fill_peer();
  const auto before = own_pool_.memory();
  const std::vector<std::function<void(wire::ScatterSlot&)>> changes{
      [](auto& s) { s.slot.region = kPeerRegion; },
      [](auto& s) { s.slot.region = RegionId{9}; },
      [](auto& s) { s.slot.slot = SlotIndex{16}; },
      [&](auto& s) { s.chunk.value = n_chunks(); },
      [](auto& s) { s.bytes += 1; },
      [](auto& s) { s.bytes = 0; },
      [](auto& s) { s.chunk.value = ~0U; }};
  std::uint64_t xfer = 1;
  for (const auto& change : changes) {
    const Key key = Key::random();
    const StreamKey stream{XferId{++xfer}, StreamId{1}};
    open(key, receive(key), stream);
    auto slot = filled(0, 0);
    change(slot);
    EXPECT_FALSE(scatter(slot, stream).ok);
    stub_.expect<wire::RingCancel>();
    const Event event = expect_event();
    EXPECT_EQ(event.reason, Reason::kProtocol);
    EXPECT_FALSE(event.detail.empty());
  }
  EXPECT_EQ(own_pool_.memory(), before);
}

TEST_F(SinkTest, a_chunk_that_comes_twice_breaks_the_protocol) {
  set_up();
  fill_peer();
  const Key key = Key::random();
  open(key, receive(key));
  EXPECT_TRUE(scatter(filled(0, 0)).ok);
  EXPECT_FALSE(scatter(filled(0, 1)).ok);
  stub_.expect<wire::RingCancel>();
  EXPECT_EQ(expect_event().reason, Reason::kProtocol);
}

TEST_F(SinkTest, what_a_receive_names_is_checked) {
  set_up();
  const auto code = [this](const std::function<void(ReceiveSpec&)>& change) {
    ReceiveSpec spec = receive_spec(Key::random());
    change(spec);
    const Status status = session_->receive(spec);
    return status.ok() ? Code::kInternal : status.error().code();
  };
  EXPECT_EQ(code([](auto& s) { s.pool.value = 9; }), Code::kNotFound);
  EXPECT_EQ(code([](auto& s) { s.groups.clear(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.groups.emplace_back(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.groups[0].block_ids.pop_back(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.groups[0].block_ids[3] = 64; }), Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.groups[0].block_ids[3] = s.groups[0].block_ids[0]; }),
            Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.groups[0].tokens = {8, 4}; }), Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.n_tokens = kTokens - 1; }), Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.n_tokens = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.source.instance.clear(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.source.instance = std::string(65, 'x'); }),
            Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.total = std::chrono::milliseconds(-5); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](auto& s) { s.after = 3; }), Code::kUnsupported);
  EXPECT_EQ(code([](auto& s) { s.key.space = KeySpace::kContent; }), Code::kUnsupported);
}

TEST_F(TwoGroups, an_opaque_range_must_start_on_a_block) {
  set_up();
  ReceiveSpec spec = receive_spec(Key::random());
  spec.groups[1].tokens.begin = 2;
  EXPECT_EQ(session_->receive(spec).error().code(), Code::kInvalidArgument);
}

TEST_F(SinkTest, a_key_is_received_once_at_a_time) {
  set_up();
  const Key key = Key::random();
  receive(key);
  EXPECT_EQ(session_->receive(receive_spec(key)).error().code(), Code::kAlreadyExists);
}

TEST_F(SinkTest, intents_are_answered) {
  set_up();
  IntendSpec intent;
  intent.source = {"engine-1", 2};
  intent.n_tokens = kTokens;
  for (const EventKind answer : {EventKind::kOffered, EventKind::kRefused}) {
    intent.key = Key::random();
    ASSERT_TRUE(session_->intend(intent).ok());
    EXPECT_EQ(session_->intend(intent).error().code(), Code::kAlreadyExists);
    EXPECT_EQ(stub_.expect<wire::RingIntend>().source, intent.source);
    stub_.send(wire::RingResult{answer, Reason::kContent, intent.key, 0, 0, 0, {}});
    const Event event = expect_event();
    EXPECT_EQ(event.kind, answer);
    EXPECT_EQ(event.key, intent.key);
  }
}

TEST_F(SinkTest, release_is_passed_on) {
  set_up();
  const Key key = Key::random();
  ASSERT_TRUE(session_->release(key, {"engine-1", 0}, 5).ok());
  const auto message = stub_.expect<wire::RingRelease>();
  EXPECT_EQ(message.key, key);
  EXPECT_EQ(message.reference, 5U);
  EXPECT_EQ(session_->release(key, {"", 0}, 5).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace pegaflow::client::testing
