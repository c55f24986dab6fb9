#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/event_fd.h"
#include "poll_until.h"

namespace pegaflow {
namespace {

TEST(FixedFifo, gives_back_in_order_across_its_end) {
  FixedFifo<int> fifo(3);
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 10; ++round) {
    while (fifo.try_push(int{next_in})) ++next_in;
    EXPECT_EQ(fifo.size(), 3U);
    EXPECT_EQ(fifo.try_pop(), next_out++);
    EXPECT_EQ(fifo.try_pop(), next_out++);
  }
  EXPECT_EQ(fifo.front(), next_out);
}

TEST(FixedFifo, a_refused_element_stays_with_the_caller) {
  FixedFifo<std::unique_ptr<int>> fifo(1);
  EXPECT_TRUE(fifo.try_push(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(fifo.try_push(std::move(second)));
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(**fifo.try_pop(), 1);
  EXPECT_FALSE(fifo.try_pop().has_value());
}

TEST(BoundedQueue, many_writers_lose_nothing_and_keep_their_order) {
  constexpr int kWriters = 3;
  constexpr int kEach = 2000;
  BoundedQueue<std::pair<int, int>> queue(16);
  auto wake = EventFd::create();
  ASSERT_TRUE(wake.ok());
  std::vector<std::thread> writers;
  writers.reserve(kWriters);
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < kEach; ++i) {
        while (!queue.try_push({writer, i})) std::this_thread::yield();
        wake->signal();
      }
    });
  }
  std::vector<int> next(kWriters, 0);
  for (int received = 0; received < kWriters * kEach;) {
    ASSERT_TRUE(wait_readable(wake->fd()));
    wake->drain();
    while (auto item = queue.try_pop()) {
      EXPECT_EQ(item->second, next[static_cast<std::size_t>(item->first)]++);
      ++received;
    }
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_TRUE(queue.empty());
}

TEST(EventFd, is_readable_from_signal_to_drain) {
  auto event = EventFd::create();
  ASSERT_TRUE(event.ok());
  EXPECT_FALSE(event->drain());
  event->signal();
  event->signal();
  EXPECT_TRUE(wait_readable(event->fd()));
  EXPECT_TRUE(event->drain());
  EXPECT_FALSE(event->drain());
}

TEST(EventFd, an_end_given_away_wakes_its_sleeper) {
  auto ends = EventFd::create_ends();
  ASSERT_TRUE(ends.ok());
  const EventFd sleeper(UniqueFd(::dup(ends->sleeping.fd())));  // as it arrives over there
  EXPECT_FALSE(sleeper.drain());
  for (int i = 0; i < 200; ++i) ends->signalling.signal();
  EXPECT_TRUE(wait_readable(sleeper.fd()));
  EXPECT_TRUE(sleeper.drain());
  EXPECT_FALSE(sleeper.drain());
}

TEST(EventFd, a_hostile_sleeper_cannot_block_or_kill_its_signaller) {
  auto ends = EventFd::create_ends();
  ASSERT_TRUE(ends.ok());
  ASSERT_EQ(::fcntl(ends->sleeping.fd(), F_SETFL, 0), 0);      // blocking
  for (int i = 0; i < 10'000; ++i) ends->signalling.signal();  // more than the pipe holds
  {
    const EventFd closed = std::move(ends->sleeping);
  }
  ends->signalling.signal();
}

TEST(EventFd, a_hostile_signaller_cannot_block_its_sleeper) {
  auto event = EventFd::create();
  ASSERT_TRUE(event.ok());
  ASSERT_EQ(::fcntl(event->fd(), F_SETFL, 0), 0);
  EXPECT_FALSE(event->drain());
}

}  // namespace
}  // namespace pegaflow
