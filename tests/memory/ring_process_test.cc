// A ring pair between two processes, as a client and its agent have it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "base/event_fd.h"
#include "memory/ring.h"
#include "tests/base/child_process.h"
#include "tests/base/poll_until.h"

namespace pegaflow::memory {
namespace {

constexpr std::uint32_t kEntries = 16;
constexpr int kRounds = 2'000;
constexpr std::uint8_t kType = 7;

// The next message's number, sleeping until it is there; nothing at the deadline or on an error.
std::optional<std::uint32_t> receive(RingReader& reader, const EventFd& wake) {
  for (;;) {
    auto message = reader.next();
    if (!message.ok()) return std::nullopt;
    if (message->has_value()) {
      std::uint32_t number = 0;
      std::memcpy(&number, (*message)->payload.data(), sizeof number);
      return number;
    }
    if (!reader.announce_sleep()) continue;
    if (!wait_readable(wake.fd())) return std::nullopt;
    wake.drain();
    reader.awake();
  }
}

bool send(RingWriter& writer, const EventFd& wake, std::uint32_t number) {
  auto written = writer.try_write(kType, std::as_bytes(std::span(&number, 1)));
  if (!written.ok() || !*written) return false;
  if (writer.claim_wakeup()) wake.signal();
  return true;
}

// The client: answers each number with the next one.
int echo(int ring_fd, const EventFd& client_wake, const EventFd& agent_wake) {
  auto memory = RingMemory::map(UniqueFd(::dup(ring_fd)), kEntries);
  if (!memory.ok()) return 1;
  RingReader reader = memory->reader(RingDirection::kAgentToClient);
  RingWriter writer = memory->writer(RingDirection::kClientToAgent);
  for (int i = 0; i < kRounds; ++i) {
    const auto number = receive(reader, client_wake);
    if (!number || !send(writer, agent_wake, *number + 1)) return 2;
    memory->client_tick().fetch_add(1);
  }
  return 0;
}

TEST(RingProcesses, ping_pong_with_sleeping_loses_no_message_and_no_wakeup) {
  auto memory = RingMemory::create(kEntries);
  auto client_wake = EventFd::create();
  auto agent_wake = EventFd::create();
  ASSERT_TRUE(memory.ok() && client_wake.ok() && agent_wake.ok());
  ChildProcess client([&] { return echo(memory->fd(), *client_wake, *agent_wake); });
  RingReader reader = memory->reader(RingDirection::kClientToAgent);
  RingWriter writer = memory->writer(RingDirection::kAgentToClient);
  for (std::uint32_t i = 0; i < kRounds; ++i) {
    ASSERT_TRUE(send(writer, *client_wake, 3 * i));
    EXPECT_EQ(receive(reader, *agent_wake), 3 * i + 1);
  }
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(memory->client_tick().load(), static_cast<std::uint64_t>(kRounds));
}

}  // namespace
}  // namespace pegaflow::memory
