// AgentWatch, BellWatch, IdleWait, ConsumerTally, IntrusiveList, EventQueue.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "client/agent_watch.h"
#include "client/bell_watch.h"
#include "client/consumer_tally.h"
#include "client/event_queue.h"
#include "client/idle_wait.h"
#include "client/intrusive_list.h"
#include "tests/base/poll_until.h"

namespace pegaflow::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(AgentWatch, a_tick_that_stands_still_is_silence) {
  FakeClock clock;
  AgentWatch watch(seconds(3), clock.now());
  for (int i = 0; i < 7; ++i) {
    clock.advance(milliseconds(400));
    watch.look(0, clock.now());
    EXPECT_FALSE(watch.silent(clock.now()));
  }
  clock.advance(milliseconds(100));
  watch.look(0, clock.now());
  EXPECT_TRUE(watch.silent(clock.now()));
}

TEST(AgentWatch, a_tick_that_moves_is_not) {
  FakeClock clock;
  AgentWatch watch(seconds(3), clock.now());
  for (std::uint64_t tick = 1; tick < 10; ++tick) {
    clock.advance(milliseconds(900));
    EXPECT_EQ(watch.look(tick, clock.now()), Nanos(0));
    EXPECT_FALSE(watch.silent(clock.now()));
  }
}

TEST(AgentWatch, its_own_gap_does_not_count) {
  FakeClock clock;
  AgentWatch watch(seconds(3), clock.now());
  clock.advance(seconds(60));
  EXPECT_EQ(watch.look(0, clock.now()), seconds(60));
  EXPECT_FALSE(watch.silent(clock.now()));
}

constexpr Expected kMessage{.message = true};
constexpr Expected kChunk{.message = true, .chunk = true};
constexpr Expected kMark{.mark = true};
constexpr Expected kCopy{.message = true, .copy = true};

TEST(IdleWait, sleeps_at_once_when_cores_are_few_or_nothing_is_due) {
  EXPECT_EQ(next_wait(wait_policy(2), kMessage, Nanos(0)), Wait::kSleep);
  EXPECT_EQ(next_wait(wait_policy(64), {}, Nanos(0)), Wait::kSleep);
}

TEST(IdleWait, looks_for_a_chunk_a_little_while_even_when_cores_are_few) {
  for (const unsigned cores : {1U, 64U}) {
    EXPECT_EQ(next_wait(wait_policy(cores), kChunk, std::chrono::microseconds(5)), Wait::kSpin);
  }
  EXPECT_EQ(next_wait(wait_policy(1), kChunk, milliseconds(1)), Wait::kSleep);
}

TEST(IdleWait, spins_then_naps_then_sleeps_where_cores_are_many) {
  const WaitPolicy policy = wait_policy(64);
  EXPECT_EQ(next_wait(policy, kMessage, std::chrono::microseconds(5)), Wait::kSpin);
  EXPECT_EQ(next_wait(policy, kMessage, milliseconds(1)), Wait::kNap);
  EXPECT_EQ(next_wait(policy, kMessage, milliseconds(50)), Wait::kSleep);
}

TEST(IdleWait, a_gpu_wakes_nobody) {
  const WaitPolicy policy = wait_policy(64);
  EXPECT_EQ(next_wait(policy, kCopy, std::chrono::microseconds(200)), Wait::kSpin);
  EXPECT_EQ(next_wait(policy, kCopy, milliseconds(5)), Wait::kNap);
  EXPECT_EQ(next_wait(policy, kMark, milliseconds(5)), Wait::kNap);
  EXPECT_EQ(next_wait(wait_policy(2), kCopy, Nanos(0)), Wait::kNap);
}

// As an agent gives it: this process can sleep on its end, but not signal it.
TEST(IdleWait, an_engine_thread_wakes_the_mover_and_so_does_the_agent) {
  const auto agent = EventFd::create_ends().value();
  const auto engine = EventFd::create().value();
  const auto socket = EventFd::create().value();
  engine.signal();
  EXPECT_TRUE(sleep_on(agent.sleeping, engine, socket.fd(), Millis(60'000)).signalled);
  EXPECT_FALSE(engine.drain()) << "the signal is taken";
  agent.signalling.signal();
  EXPECT_TRUE(sleep_on(agent.sleeping, engine, socket.fd(), Millis(60'000)).signalled);
  EXPECT_FALSE(agent.sleeping.drain());
  socket.signal();
  EXPECT_TRUE(sleep_on(agent.sleeping, engine, socket.fd(), Millis(60'000)).socket);
}

TEST(BellWatch, every_listener_hears_every_ring_once) {
  const auto bell = EventFd::create().value();
  BellWatch one, other;
  one.listen(RegionId{1}, bell);
  other.listen(RegionId{1}, bell);
  for (int ring = 0; ring < 3; ++ring) {
    bell.signal();
    EXPECT_TRUE(one.take());
    EXPECT_FALSE(one.take());
    EXPECT_TRUE(other.take());
    EXPECT_FALSE(other.take());
  }
}

TEST(BellWatch, listens_to_one_region_and_outlives_it) {
  std::optional<EventFd> before = EventFd::create().value();
  const auto after = EventFd::create().value();
  const EventFd rings(UniqueFd(::dup(before->fd())));  // as its writer has it
  BellWatch watch;
  EXPECT_FALSE(watch.take());
  watch.listen(RegionId{1}, *before);
  before.reset();
  rings.signal();
  EXPECT_TRUE(watch.take());
  watch.listen(RegionId{2}, after);
  rings.signal();
  EXPECT_FALSE(watch.take());
  after.signal();
  EXPECT_TRUE(watch.take());
}

TEST(BellWatch, ends_the_sleep_of_whoever_listens) {
  const auto agent = EventFd::create().value();
  const auto engine = EventFd::create().value();
  const auto bell = EventFd::create().value();
  BellWatch watch;
  watch.listen(RegionId{1}, bell);
  bell.signal();
  EXPECT_TRUE(sleep_on(agent, engine, -1, Millis(60'000), watch.fd()).bell);
}

Rank tp(std::uint32_t index, std::uint32_t size) { return {0, 1, 0, 1, index, size}; }
StreamKey stream(std::uint64_t xfer) { return {XferId{xfer}, StreamId{1}}; }

TEST(ConsumerTally, complete_when_every_reader_has_left) {
  ConsumerTally tally;
  tally.began("d", tp(0, 2), stream(1), 2);
  tally.began("d", tp(1, 2), stream(2), 2);
  EXPECT_TRUE(tally.left(stream(1)));
  EXPECT_FALSE(tally.complete());
  EXPECT_TRUE(tally.left(stream(2)));
  EXPECT_TRUE(tally.complete());
}

TEST(ConsumerTally, a_reader_that_tries_again_is_not_counted_twice) {
  ConsumerTally tally;
  tally.began("d", tp(0, 2), stream(1), 2);
  tally.left(stream(1));
  tally.began("d", tp(0, 2), stream(3), 2);
  EXPECT_FALSE(tally.left(stream(1))) << "replaced";
  tally.left(stream(3));
  EXPECT_FALSE(tally.complete());
}

TEST(ConsumerTally, readers_of_two_instances_do_not_add_up) {
  ConsumerTally tally;
  tally.began("d1", tp(0, 2), stream(1), 2);
  tally.began("d2", tp(1, 2), stream(2), 2);
  tally.left(stream(1));
  tally.left(stream(2));
  EXPECT_FALSE(tally.complete());
}

struct NumberTag {};
struct Number : ListHook<NumberTag> {
  explicit Number(int n) : value(n) {}
  int value;
};

TEST(IntrusiveList, first_in_first_out_and_never_twice) {
  Number one(1), two(2);
  IntrusiveList<Number, NumberTag> list;
  list.add(one);
  list.add(two);
  list.add(one);
  EXPECT_EQ(list.take_first()->value, 1);
  EXPECT_EQ(list.take_first()->value, 2);
  EXPECT_EQ(list.take_first(), nullptr);
}

TEST(IntrusiveList, an_element_that_dies_leaves) {
  Number one(1);
  IntrusiveList<Number, NumberTag> list;
  {
    Number two(2);
    list.add(two);
    list.add(one);
  }
  EXPECT_EQ(list.take_first()->value, 1);
  EXPECT_TRUE(list.empty());
}

Event event(EventKind kind) {
  Event made;
  made.kind = kind;
  return made;
}

TEST(EventQueue, is_bounded_by_what_is_reserved_and_unread) {
  EventQueue queue(2, EventFd::create().value());
  EXPECT_TRUE(queue.reserve(2));
  EXPECT_FALSE(queue.reserve(1));
  queue.push(event(EventKind::kSent));
  EXPECT_FALSE(queue.reserve(1)) << "unread events count";
  EXPECT_EQ(queue.poll().size(), 1U);
  EXPECT_TRUE(queue.reserve(1));
  EXPECT_FALSE(queue.reserve(1));
  queue.release(2);
  EXPECT_TRUE(queue.reserve(2));
}

TEST(EventQueue, its_descriptor_is_readable_while_events_are_unread) {
  EventQueue queue(2, EventFd::create().value());
  pollfd waited{queue.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&waited, 1, 0), 0);
  ASSERT_TRUE(queue.reserve(2));
  queue.push(event(EventKind::kSent));
  queue.push(event(EventKind::kDone));
  EXPECT_EQ(::poll(&waited, 1, 0), 1);
  EXPECT_EQ(queue.poll().size(), 2U);
  EXPECT_EQ(::poll(&waited, 1, 0), 0);
}

TEST(EventQueue, wait_returns_what_another_thread_pushes) {
  EventQueue queue(2, EventFd::create().value());
  ASSERT_TRUE(queue.reserve(1));
  std::thread pusher([&] { queue.push(event(EventKind::kDone)); });
  const auto events = queue.wait(kTestDeadline);
  pusher.join();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, EventKind::kDone);
}

TEST(EventQueue, wait_comes_back_empty_when_nothing_happens) {
  EventQueue queue(2, EventFd::create().value());
  EXPECT_TRUE(queue.wait(milliseconds(1)).empty());
}

}  // namespace
}  // namespace pegaflow::client
