// An agent that dies, hangs or lies; deadlines; forks.
#include <gtest/gtest.h>

#include <thread>

#include "tests/base/child_process.h"
#include "tests/base/poll_until.h"
#include "tests/client/sink_fixture.h"
#include "tests/client/source_fixture.h"

namespace pegaflow::client::testing {
namespace {

using std::chrono::milliseconds;

class DeathTest : public SourceTest {
 public:
  ~DeathTest() override { session_.reset(); }  // its mover reads the clock to the end

 protected:
  // One of each: an offer that was sent, one that was not, a receive, an intent.
  void start_everything() {
    sent_ = offer(true);
    open(sent_);
    pull(n_chunks());
    stub_.expect_past_ready<wire::RingLeft>();
    EXPECT_EQ(expect_event().kind, EventKind::kSent);
    unsent_ = offer(true);
    wanted_ = Key::random();
    receive(wanted_);
    IntendSpec intent;
    intent.key = intended_ = Key::random();
    intent.source = {"engine-1", 0};
    intent.n_tokens = 1;
    ASSERT_TRUE(session_->intend(intent).ok());
  }
  std::vector<Event> expect_events(std::size_t count) {
    std::vector<Event> events;
    while (events.size() < count) {
      auto more = session_->wait(kTestDeadline);
      if (more.empty()) throw std::runtime_error("events are missing");
      events.insert(events.end(), more.begin(), more.end());
    }
    return events;
  }
  void expect_everything_lost() {
    for (const Event& event : expect_events(4)) {
      EXPECT_EQ(event.reason, Reason::kAgentLost);
      const EventKind expected = event.key == sent_       ? EventKind::kUnconfirmed
                                 : event.key == intended_ ? EventKind::kRefused
                                                          : EventKind::kFailed;
      EXPECT_EQ(event.kind, expected);
      EXPECT_EQ(event.receive, event.key == wanted_);
    }
    EXPECT_FALSE(session_->alive());
    OfferSpec spec;
    spec.key = Key::random();
    EXPECT_EQ(session_->offer(spec).error().code(), Code::kUnavailable);
    EXPECT_TRUE(session_->poll().empty());
  }
  // Lets the client's loop see `by` more time, without making it believe it was stopped itself.
  // `tick`: the agent's loop runs on meanwhile.
  void pass_time(Nanos by, bool tick) {
    for (Nanos passed{0}; passed < by; passed += milliseconds(500)) {
      clock_.advance(milliseconds(500));
      const auto seen = stub_.client_tick();
      const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
      // Two turns: the first may have read the clock before it was advanced.
      while (session_->alive() && stub_.client_tick() < seen + 2 &&
             std::chrono::steady_clock::now() < deadline) {
        if (tick) stub_.tick();
        stub_.wake_client();
        std::this_thread::yield();
      }
    }
  }
  TestClock clock_;
  Key sent_, unsent_, wanted_, intended_;
};

TEST_F(DeathTest, a_closed_socket_ends_everything_at_once) {
  set_up();
  start_everything();
  stub_.hang_up();
  expect_everything_lost();
}

TEST_F(DeathTest, what_the_agent_told_before_it_went_still_holds) {
  set_up();
  std::vector<Key> keys;
  for (int i = 0; i < 50; ++i) keys.push_back(offer(true));
  for (const Key& key : keys) {
    stub_.send(wire::RingResult{EventKind::kDone, Reason::kNone, key, 0, 0, 0, {}});
  }
  stub_.hang_up();
  for (const Event& event : expect_events(keys.size())) EXPECT_EQ(event.kind, EventKind::kDone);
}

TEST_F(DeathTest, an_agent_whose_loop_stands_still_is_lost) {
  set_up(nullptr, &clock_);
  start_everything();
  pass_time(milliseconds(2500), false);
  EXPECT_TRUE(session_->alive());
  pass_time(milliseconds(2000), false);
  expect_everything_lost();
}

TEST_F(DeathTest, an_agent_that_ticks_is_alive_however_long_it_takes) {
  set_up(nullptr, &clock_);
  unsent_ = offer(true);
  pass_time(std::chrono::seconds(10), true);
  EXPECT_TRUE(session_->alive());
  EXPECT_TRUE(session_->poll().empty());
}

TEST_F(DeathTest, silence_does_not_matter_while_nothing_is_live) {
  set_up(nullptr, &clock_);
  pass_time(std::chrono::seconds(10), false);
  EXPECT_TRUE(session_->alive());
}

TEST_F(DeathTest, a_client_that_was_stopped_itself_does_not_blame_the_agent) {
  set_up(nullptr, &clock_);
  unsent_ = offer(true);
  clock_.advance(std::chrono::seconds(100));
  pass_time(milliseconds(1000), false);
  EXPECT_TRUE(session_->alive());
}

TEST_F(DeathTest, a_receive_that_the_agent_forgets_ends_by_the_clients_own_deadline) {
  set_up(nullptr, &clock_);
  const Key key = Key::random();
  ReceiveSpec spec = receive_spec(key);
  spec.total = milliseconds(2000);
  ASSERT_TRUE(session_->receive(spec).ok());
  const auto handle = stub_.expect<wire::RingReceive>().handle;
  pass_time(milliseconds(4000), true);
  EXPECT_TRUE(session_->poll().empty()) << "the agent has a while longer";
  pass_time(milliseconds(2000), true);
  const Event event = expect_event();
  EXPECT_EQ(event.kind, EventKind::kFailed);
  EXPECT_EQ(event.reason, Reason::kTotalTimeout);
  EXPECT_EQ(stub_.expect<wire::RingCancel>().handle, handle);
  EXPECT_TRUE(session_->alive());
}

TEST_F(DeathTest, garbage_in_the_ring_ends_the_session_and_nothing_else) {
  set_up();
  unsent_ = offer(true);
  auto writer = stub_.ring().writer(memory::RingDirection::kAgentToClient);
  const std::array<std::byte, 3> junk{};
  ASSERT_TRUE(writer.try_write(200, junk).ok());
  stub_.wake_client();
  const Event event = expect_event();
  EXPECT_EQ(event.reason, Reason::kAgentLost);
  EXPECT_NE(event.detail.find("200"), std::string::npos) << event.detail;
  EXPECT_FALSE(session_->alive());
}

TEST_F(DeathTest, a_cancelled_receive_ends_cancelled_when_the_agent_dies) {
  set_up();
  const Key key = Key::random();
  receive(key);
  ASSERT_TRUE(session_->cancel(key).ok());
  stub_.hang_up();
  EXPECT_EQ(expect_event().kind, EventKind::kCancelled);
}

TEST_F(DeathTest, add_pool_ends_when_the_agent_dies) {
  connect(config());
  std::thread agent([this] {
    stub_.expect_setup<wire::AddPool>();
    stub_.hang_up();
  });
  const auto added = session_->add_pool(own_pool_.layout());
  agent.join();
  EXPECT_EQ(added.error().code(), Code::kUnavailable);
}

TEST_F(DeathTest, a_session_may_be_dropped_with_everything_live) {
  set_up();
  start_everything();
  open(unsent_, {XferId{8}, StreamId{1}});
  credit(0, {XferId{8}, StreamId{1}});
  session_.reset();
}

TEST_F(DeathTest, a_forked_child_cannot_use_the_session) {
  set_up();
  const Key key = offer(true);
  ChildProcess child([&] {
    const bool inert =
        session_->mark_cached(key, 1, kNoStream).error().code() == Code::kFailedPrecondition &&
        session_->wait(milliseconds(1)).empty() && !session_->alive();
    return inert ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(session_->mark_cached(key, 1, kNoStream).ok());
}

}  // namespace
}  // namespace pegaflow::client::testing
