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

// A policy, and the time and processor time of the thread that follows it.
class WaitPolicyTest : public ::testing::Test {
 protected:
  // One look in vain that costs `cost` of processor time; returns the nap after it.
  Nanos look(Nanos cost) {
    now += cost;
    cpu += cost;
    const Nanos nap = policy.pause(now, cpu);
    now += nap;
    return nap;
  }

  WaitConfig config;
  TimePoint now = kStart;
  Nanos cpu{0};
  WaitPolicy policy{config, kStart};
};

TEST_F(WaitPolicyTest, spins_first_then_naps_longer_and_longer_up_to_the_limit) {
  EXPECT_EQ(policy.pause(now, cpu), Nanos(0));
  now += Millis(1);
  EXPECT_EQ(look(Nanos(0)), config.shortest);
  Nanos nap{};
  for (int n = 0; n < 100; ++n) nap = look(Nanos(0));
  EXPECT_EQ(nap, config.longest);
  policy.progressed(now);
  EXPECT_EQ(policy.pause(now, cpu), Nanos(0));
  now += Millis(1);
  EXPECT_EQ(look(Nanos(0)), config.shortest);
}

TEST_F(WaitPolicyTest, never_spins_where_it_may_not) {
  config.may_spin = false;
  policy = WaitPolicy(config, now);
  EXPECT_EQ(policy.pause(now, cpu), config.shortest);
}

TEST_F(WaitPolicyTest, dear_looks_get_rarer_until_they_keep_within_their_share) {
  for (int n = 0; n < 1000; ++n) look(std::chrono::microseconds(30));
  const TimePoint since = now;
  const Nanos before = cpu;
  for (int n = 0; n < 1000; ++n) look(std::chrono::microseconds(30));
  EXPECT_LE(static_cast<double>((cpu - before).count()),
            1.01 * config.share * static_cast<double>((now - since).count()));
}

TEST_F(WaitPolicyTest, naps_are_bounded_however_dear_a_look_is) {
  Nanos nap{};
  for (int n = 0; n < 100; ++n) nap = look(Millis(1));
  EXPECT_EQ(nap, config.longest_thrifty);
}

TEST_F(WaitPolicyTest, a_long_sleep_pays_for_the_looks_before_it) {
  config.may_spin = false;
  policy = WaitPolicy(config, now);
  for (int n = 0; n < 100; ++n) look(Millis(1));
  now += std::chrono::duration_cast<Nanos>(config.burst / config.share);  // asleep
  policy.progressed(now);
  EXPECT_EQ(policy.pause(now, cpu), config.shortest);
}

TEST_F(WaitPolicyTest, work_is_not_charged) {
  for (int n = 0; n < 100; ++n) {
    policy.progressed(now);
    now += Millis(5);  // all of it worked
    cpu += Millis(5);
    EXPECT_LE(look(Nanos(0)), config.longest);
  }
}

}  // namespace
}  // namespace pegaflow::agent
