// What every transport promises about connecting, sleeping, breaking and fencing.
#include <poll.h>

#include <algorithm>
#include <future>
#include <thread>

#include "link_fixture.h"

namespace pegaflow::transport::testing {
namespace {

using Links = LinkTest;

TEST_P(Links, carry_messages_and_puts_both_ways) { ping(); }

TEST_P(Links, refuse_every_damaged_address_and_take_the_right_one_after) {
  ASSERT_TRUE(side().make_worker().ok());
  const auto address = peer_gives(Command::kMakeWorker);
  for (std::size_t i = 0; i < address.size(); ++i) {
    auto damaged = address;
    damaged[i] ^= std::byte{0x10};
    const auto status = worker().connect(damaged);
    ASSERT_FALSE(status.ok()) << i;
    ASSERT_EQ(status.error().code(), Code::kProtocol) << i;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, address.size() - 1}) {
    const Blob cut(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(worker().connect(cut).error().code(), Code::kProtocol);
  }
  EXPECT_TRUE(worker().connect(address).ok());
  peer_does(Command::kConnect, 0, 0, 0, worker().address());
  flush_and_wait();
}

TEST_P(Links, refuse_every_damaged_memory_key) {
  const auto key = peer_gives(Command::kTargetKey);
  for (std::size_t i = 0; i < key.size(); ++i) {
    auto damaged = key;
    damaged[i] ^= std::byte{0x01};
    ASSERT_EQ(side().unpack(damaged).error().code(), Code::kProtocol) << i;
  }
  EXPECT_EQ(side().unpack(worker().address()).error().code(), Code::kProtocol);
  EXPECT_TRUE(side().unpack(key).ok());
}

TEST_P(Links, connect_once) {
  EXPECT_EQ(worker().connect(peer_gives(Command::kMakeWorker)).error().code(),
            Code::kFailedPrecondition);
}

TEST_P(Links, tell_their_lanes_once_a_flush_was_reported) {
  ASSERT_TRUE(side().make_worker().ok());
  ASSERT_TRUE(worker().connect(peer_gives(Command::kMakeWorker)).ok());
  peer_does(Command::kConnect, 0, 0, 0, worker().address());
  EXPECT_EQ(worker().lanes().error().code(), Code::kUnavailable);
  flush_and_wait();
  const auto lanes = worker().lanes();
  ASSERT_TRUE(lanes.ok()) << lanes.error().message();
  EXPECT_FALSE(lanes->rma.empty()) << lanes->text;
  EXPECT_FALSE(lanes->control.empty()) << lanes->text;
  EXPECT_TRUE(suits(GetParam(), *lanes)) << lanes->text;
  RecordProperty("lanes", lanes->text);
}

TEST_P(Links, sleep_while_idle) {
  ping();
  // Several waits in a row must find nothing, or the owner would be spinning.
  int quiet_waits = 0;
  const bool slept = side().run_until([&] {
    while (worker().progress() > 0) {
    }
    const auto armed = worker().arm();
    if (!armed.ok() || !*armed) return false;
    pollfd fd = {.fd = worker().event_fd(), .events = POLLIN, .revents = 0};
    quiet_waits = poll(&fd, 1, 50) == 0 ? quiet_waits + 1 : 0;
    return quiet_waits == 5;
  });
  EXPECT_TRUE(slept);
}

// progress() until there is nothing to do and arm() agrees.
void run_dry(Worker& worker) {
  while (worker.progress() > 0 || !worker.arm().value()) {
  }
}

// Asleep until the event fd is readable; false when it is not within kPatience.
bool sleep_until_woken(const Worker& worker) {
  pollfd fd = {.fd = worker.event_fd(), .events = POLLIN, .revents = 0};
  return poll(&fd, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) == 1;
}

TEST_P(Links, wake_a_sleeper_by_a_message) {
  ping();
  const auto received = side().record().received;
  peer().ask(Command::kSend, 1);
  for (run_dry(worker()); side().record().received == received; run_dry(worker())) {
    ASSERT_TRUE(sleep_until_woken(worker()));
  }
  EXPECT_EQ(peer().await_answer(side()).error, "");
}

TEST_P(Links, wake_a_sleeper_by_wake_from_another_thread) {
  run_dry(worker());
  std::promise<void> armed;
  std::thread waker([&] {
    armed.get_future().wait();
    worker().wake();
  });
  armed.set_value();
  EXPECT_TRUE(sleep_until_woken(worker()));
  waker.join();
  EXPECT_FALSE(worker().arm().value());
}

TEST_P(Links, break_when_the_peers_worker_goes_and_can_be_made_anew) {
  if (!GetParam().destroying_is_noticed) GTEST_SKIP() << "only the end of a process is noticed";
  ping();
  peer_does(Command::kDestroyWorker);
  // Somebody who only listens may learn it late; a sender learns it.
  std::uint64_t token = 100;
  std::uint64_t accepted = 0;
  ASSERT_TRUE(side().run_until([&] {
    if (side().record().broken == 0 && accepted < 500 && side().put_pattern(1, 0, 64).ok() &&
        side().flush(token).ok()) {
      ++token;
      ++accepted;
    }
    return side().record().broken > 0;
  }));
  EXPECT_EQ(side().record().broken, 1U);
  for (std::uint64_t t = 100; t < token; ++t) EXPECT_EQ(side().reports_of(t), 1U) << t;
  EXPECT_EQ(side().send_next().error().code(), Code::kUnavailable);
  EXPECT_EQ(worker().flush(1).error().code(), Code::kUnavailable);
  connect_fresh();
  ping();
}

TEST_P(Links, break_when_the_peers_process_is_killed_and_every_flush_is_reported_once) {
  if (!GetParam().peer_can_be_killed) GTEST_SKIP() << "needs a peer that is a process";
  ping();
  peer_does(Command::kSleep);
  constexpr std::uint64_t kFirst = 100;
  constexpr std::uint64_t kFlushes = 50;
  for (std::uint64_t i = 0; i < kFlushes; ++i) {
    ASSERT_TRUE(side().put_pattern(1, 0, 1 << 20).ok());
    ASSERT_TRUE(side().flush(kFirst + i).ok());
  }
  peer().kill();
  if (GetParam().death_is_noticed) {
    ASSERT_TRUE(side().run_until([&] { return side().record().broken > 0; }));
    for (std::uint64_t i = 0; i < kFlushes; ++i) EXPECT_EQ(side().reports_of(kFirst + i), 1U);
    EXPECT_EQ(side().record().broken, 1U);
  }
  start_fresh_peer();
  connect_fresh();
  ping();
}

TEST_P(Links, fence_the_peers_puts_when_the_worker_is_destroyed) {
  if (!GetParam().destroying_fences) GTEST_SKIP() << "cma is fenced by the peer's end only";
  constexpr std::size_t kBytes = 256 << 10;
  constexpr std::uint64_t kRefused = ~std::uint64_t{0};
  EXPECT_EQ(peer_does(Command::kPutFlush, 77, 0, kBytes), 1U);
  peer_does(Command::kPutForever, kBytes);
  ASSERT_TRUE(side().run_until([&] { return peer_does(Command::kPutsTried) >= 10; }));
  side().destroy_worker();
  EXPECT_TRUE(side().target_has(77, 0, kBytes));
  side().fill_target(std::byte{0xEE});
  // The peer goes on until it has tried many more, or is told that there is no more link.
  const auto tried = peer_does(Command::kPutsTried);
  ASSERT_TRUE(side().run_until([&] {
    const auto now = peer_does(Command::kPutsTried);
    return now == kRefused || now > tried + 200;
  }));
  EXPECT_EQ(std::ranges::count(side().target_bytes(), std::byte{0xEE}),
            static_cast<std::ptrdiff_t>(kMemoryBytes));
  if (GetParam().destroying_is_noticed) peer_does(Command::kAwaitBroken);
}

TEST_P(Links, let_remote_memory_outlive_its_worker) {
  auto remote = side().take_remote();
  side().destroy_worker();
  EXPECT_EQ(remote->size(), kMemoryBytes);
  remote.reset();
  connect_fresh();
  ping();
}

TEST_P(Links, end_with_everything_unfinished) {
  peer_does(Command::kSleep);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(side().put_pattern(1, 0, 1 << 20).ok());
    ASSERT_TRUE(side().flush(static_cast<std::uint64_t>(i)).ok());
    ASSERT_TRUE(side().send_next().ok());
  }
  side().destroy_worker();
  peer_does(Command::kWakeUp);
  connect_fresh();
  ping();
}

TEST_P(Links, end_while_the_peer_has_not_answered_the_wire_up) {
  if (side().context().version().starts_with("1.13")) {
    GTEST_SKIP() << "UCX 1.13 aborts when its peer goes during the wire-up";
  }
  ASSERT_TRUE(side().make_worker().ok());
  const auto address = peer_gives(Command::kMakeWorker);
  peer_does(Command::kConnect, 0, 0, 0, worker().address());
  peer_does(Command::kSend, 1);
  peer_does(Command::kSleep);
  ASSERT_TRUE(worker().connect(address).ok());
  ASSERT_TRUE(side().send_next().ok());
  while (worker().progress() > 0) {
  }
  side().destroy_worker();
  peer_does(Command::kWakeUp);
  connect_fresh();
  ping();
}

INSTANTIATE_TEST_SUITE_P(Transport, Links, ::testing::ValuesIn(backends_under_test()),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace pegaflow::transport::testing
