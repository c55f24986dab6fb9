#include "agent/timers.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "agent/gap.h"
#include "agent/waiting.h"

namespace pegaflow::agent {
namespace {

using std::chrono::seconds;

constexpr TimePoint kStart{seconds(100)};

TEST(TimerQueue, runs_what_is_due_in_order_of_time_then_of_arming) {
  TimerQueue queue;
  std::vector<int> ran;
  Timer late(queue, [&] { ran.push_back(3); });
  Timer first(queue, [&] { ran.push_back(1); });
  Timer second(queue, [&] { ran.push_back(2); });
  late.arm(kStart + seconds(2));
  first.arm(kStart + seconds(1));
  second.arm(kStart + seconds(1));
  EXPECT_EQ(queue.next(), kStart + seconds(1));
  EXPECT_EQ(queue.run_due(kStart + seconds(1)), 2U);
  EXPECT_EQ(ran, (std::vector{1, 2}));
  EXPECT_EQ(queue.next(), kStart + seconds(2));
}

TEST(TimerQueue, timer_armed_by_a_callback_waits_for_the_next_call) {
  TimerQueue queue;
  int ran = 0;
  Timer* self = nullptr;
  Timer timer(queue, [&] {
    ++ran;
    self->arm(kStart);
  });
  self = &timer;
  timer.arm(kStart);
  EXPECT_EQ(queue.run_due(kStart), 1U);
  EXPECT_EQ(queue.run_due(kStart), 1U);
  EXPECT_EQ(ran, 2);
}

TEST(TimerQueue, callback_may_destroy_its_own_timer_and_others) {
  TimerQueue queue;
  int ran = 0;
  std::unique_ptr<Timer> other;
  std::unique_ptr<Timer> self;
  self = std::make_unique<Timer>(queue, [&] {
    ++ran;
    other.reset();
    self.reset();
  });
  other = std::make_unique<Timer>(queue, [&] { ++ran; });
  self->arm(kStart);
  other->arm(kStart);
  EXPECT_EQ(queue.run_due(kStart), 1U);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(queue.next(), TimePoint::max());
}

TEST(TimerQueue, disarmed_and_rearmed_timers_run_at_their_last_time_only) {
  TimerQueue queue;
  int ran = 0;
  Timer timer(queue, [&] { ++ran; });
  timer.arm(kStart);
  timer.arm(kStart + seconds(5));
  EXPECT_EQ(queue.run_due(kStart + seconds(4)), 0U);
  timer.disarm();
  EXPECT_EQ(queue.run_due(kStart + seconds(6)), 0U);
  EXPECT_EQ(ran, 0);
}

TEST(TimerQueue, shift_moves_all_and_keeps_their_order) {
  TimerQueue queue;
  std::vector<int> ran;
  Timer a(queue, [&] { ran.push_back(1); });
  Timer b(queue, [&] { ran.push_back(2); });
  a.arm(kStart + seconds(1));
  b.arm(kStart + seconds(2));
  queue.shift(seconds(10));
  EXPECT_EQ(queue.run_due(kStart + seconds(10)), 0U);
  EXPECT_EQ(queue.run_due(kStart + seconds(12)), 2U);
  EXPECT_EQ(ran, (std::vector{1, 2}));
}

TEST(GapDetector, planned_sleep_and_short_work_are_no_gap) {
  GapDetector gaps(seconds(1), kStart);
  EXPECT_EQ(gaps.observe(kStart + Millis(900)), Nanos(0));
  gaps.going_to_sleep(seconds(5));
  EXPECT_EQ(gaps.observe(kStart + Millis(6400)), Nanos(0));
}

TEST(GapDetector, sleep_far_beyond_the_plan_is_a_gap_of_what_was_not_planned) {
  GapDetector gaps(seconds(1), kStart);
  gaps.going_to_sleep(Millis(500));
  EXPECT_EQ(gaps.observe(kStart + seconds(4)), Millis(3500));
  EXPECT_EQ(gaps.observe(kStart + seconds(4)), Nanos(0));
}

TEST(GapDetector, stop_in_the_middle_of_work_is_a_gap) {
  GapDetector gaps(seconds(1), kStart);
  gaps.going_to_sleep(seconds(1));
  gaps.observe(kStart);
  EXPECT_EQ(gaps.observe(kStart + seconds(3)), seconds(3));
}

TEST(WaitPolicy, spins_first_then_naps_longer_and_longer_up_to_the_limit) {
  WaitConfig config;
  WaitPolicy policy(config, kStart);
  EXPECT_EQ(policy.pause(kStart), Nanos(0));
  const TimePoint later = kStart + Millis(1);
  EXPECT_EQ(policy.pause(later), config.shortest);
  Nanos pause{};
  for (int n = 0; n < 100; ++n) pause = policy.pause(later);
  EXPECT_EQ(pause, config.longest);
  policy.progressed(later);
  EXPECT_EQ(policy.pause(later), Nanos(0));
  EXPECT_EQ(policy.pause(later + Millis(1)), config.shortest);
}

TEST(WaitPolicy, never_spins_where_it_may_not) {
  WaitConfig config;
  config.may_spin = false;
  WaitPolicy policy(config, kStart);
  EXPECT_EQ(policy.pause(kStart), config.shortest);
}

}  // namespace
}  // namespace pegaflow::agent
