#include "agent/loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <thread>

#include "base/event_fd.h"
#include "support/null_probe.h"

namespace pegaflow::agent {
namespace {

using std::chrono::seconds;

// Work that a test scripts.
class Script final : public LoopWork {
 public:
  bool poll() override {
    ++polls;
    return progress > 0 && progress-- > 0;
  }
  bool expecting() const override { return expects; }
  bool in_traffic() const override { return traffic; }
  bool ready_to_sleep() override {
    ++sleeps;
    return may_sleep;
  }
  void awake() override { ++wakes; }
  TimePoint next_deadline() const override { return deadline; }
  void on_time(TimePoint) override {
    ++times;
    deadline = TimePoint::max();
  }
  void on_gap(Nanos length) override { gap += length; }

  int polls = 0, progress = 0, sleeps = 0, wakes = 0, times = 0;
  bool expects = false, traffic = false, may_sleep = true;
  TimePoint deadline = TimePoint::max();
  Nanos gap{0};
};

class LoopTest : public ::testing::Test {
 protected:
  std::unique_ptr<Loop> make(const Clock& time, LoopConfig config = {}) {
    return Loop::create(config, time, probe).value();
  }
  NullProbe probe;
  SteadyClock clock;
  FakeClock fake;
  Script work;
};

TEST_F(LoopTest, posted_tasks_wake_a_sleeping_loop) {
  const auto loop = make(clock);
  std::thread runner([&] { loop->run(work); });
  const Result<int> answer = loop->ask<int>([] { return 42; }, seconds(20));
  EXPECT_EQ(answer.value(), 42);
  loop->stop();
  runner.join();
  EXPECT_FALSE(loop->post([] {}));
}

TEST_F(LoopTest, asking_a_loop_that_does_not_turn_ends_with_the_deadline) {
  const auto loop = make(clock);
  const Result<int> answer = loop->ask<int>([] { return 1; }, Millis(1));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), Code::kDeadlineExceeded);
}

TEST_F(LoopTest, posts_beyond_the_bound_are_refused) {
  LoopConfig config;
  config.max_posted = 2;
  const auto loop = make(clock, config);
  EXPECT_TRUE(loop->post([] {}));
  EXPECT_TRUE(loop->post([] {}));
  EXPECT_FALSE(loop->post([] {}));
  loop->turn(work, Nanos(0));
  EXPECT_TRUE(loop->post([] {}));
}

TEST_F(LoopTest, handler_may_end_its_own_watch_and_that_of_another_ready_descriptor) {
  const auto loop = make(clock);
  const EventFd a = EventFd::create().value();
  const EventFd b = EventFd::create().value();
  a.signal();
  b.signal();
  std::unique_ptr<Loop::Watch> first;
  std::unique_ptr<Loop::Watch> second;
  int calls = 0;
  const auto end_both = [&](std::uint32_t) {
    ++calls;
    first.reset();
    second.reset();
  };
  first = loop->watch(a.fd(), EPOLLIN, end_both).value();
  second = loop->watch(b.fd(), EPOLLIN, end_both).value();
  loop->turn(work, Millis(10));
  EXPECT_EQ(calls, 1);
}

TEST_F(LoopTest, sleeps_only_when_nothing_is_expected_and_the_work_agrees) {
  LoopConfig config;
  config.wait.may_spin = true;
  config.wait.spin = Millis(60000);
  const auto loop = make(clock, config);
  work.traffic = true;
  loop->turn(work, Millis(1));
  EXPECT_EQ(work.sleeps, 0);
  work.traffic = false;
  work.expects = true;
  loop->turn(work, Millis(1));
  EXPECT_EQ(work.sleeps, 0);
  work.expects = false;
  work.may_sleep = false;
  loop->turn(work, Millis(1));
  EXPECT_EQ(work.sleeps, 1);
  EXPECT_EQ(work.wakes, 0);
  work.may_sleep = true;
  loop->turn(work, Millis(1));
  EXPECT_EQ(work.wakes, 1);
}

TEST_F(LoopTest, without_a_core_to_spare_it_can_be_woken_from_every_nap) {
  LoopConfig config;
  config.wait.may_spin = false;
  const auto loop = make(clock, config);
  work.expects = true;
  loop->turn(work, seconds(60));  // a nap: this returns
  EXPECT_EQ(work.sleeps, 1);
  EXPECT_EQ(work.wakes, 1);
  const EventFd bell = EventFd::create().value();
  bool rung = false;
  const auto watch = loop->watch(bell.fd(), EPOLLIN, [&](std::uint32_t) { rung = true; }).value();
  bell.signal();
  work.expects = false;
  work.traffic = true;  // is no reason to look again and again
  loop->turn(work, seconds(60));
  EXPECT_TRUE(rung);
  EXPECT_EQ(work.sleeps, 2);
}

TEST_F(LoopTest, deadline_of_the_work_and_timers_are_met) {
  const auto loop = make(clock);
  work.deadline = clock.now() + Millis(1);
  bool fired = false;
  Timer timer(loop->timers(), [&] { fired = true; });
  timer.arm(clock.now() + Millis(1));
  while (work.times == 0 || !fired) loop->turn(work, seconds(1));
  EXPECT_EQ(work.times, 1);
}

TEST_F(LoopTest, after_a_gap_timers_are_shifted_and_wait_until_everything_was_heard) {
  const auto loop = make(fake);
  bool fired = false;
  Timer timer(loop->timers(), [&] { fired = true; });
  timer.arm(fake.now() + seconds(2));
  loop->turn(work, Nanos(0));
  fake.advance(seconds(10));  // the process was stopped
  work.progress = 3;          // and this much waits to be heard
  loop->turn(work, Nanos(0));
  EXPECT_EQ(work.gap, seconds(10));
  EXPECT_EQ(probe.gaps, seconds(10));
  fake.advance(seconds(3) - Millis(2001));
  loop->turn(work, Nanos(0));
  fake.advance(Millis(999));
  loop->turn(work, Nanos(0));
  EXPECT_FALSE(fired);
  fake.advance(Millis(999));
  // Two turns without progress: the first ends the draining, the second judges.
  loop->turn(work, Nanos(0));
  loop->turn(work, Nanos(0));
  EXPECT_TRUE(fired);
}

}  // namespace
}  // namespace pegaflow::agent
