// Outbox: who is woken when.
#include "client/outbox.h"

#include <gtest/gtest.h>

#include "memory/ring_messages.h"

namespace pegaflow::client {
namespace {

constexpr std::uint32_t kEntries = 16;
constexpr StreamKey kStream{XferId{1}, StreamId{1}};

class OutboxTest : public ::testing::Test {
 protected:
  memory::RingMemory ring_ = memory::RingMemory::create(kEntries).value();
  memory::RingReader agent_ = ring_.reader(memory::RingDirection::kClientToAgent);
  EventFd wakeup_ = EventFd::create().value();
  Outbox outbox_{ring_.writer(memory::RingDirection::kClientToAgent), wakeup_};
};

TEST_F(OutboxTest, a_sleeping_agent_is_woken_by_the_next_message_that_matters) {
  ASSERT_TRUE(agent_.announce_sleep());
  outbox_.post_unhurried(wire::RingReady{kStream, 1});
  EXPECT_FALSE(wakeup_.drain());
  outbox_.post(wire::RingReady{kStream, 2});
  EXPECT_TRUE(wakeup_.drain());
  for (const std::uint32_t count : {1U, 2U}) {
    const auto message = memory::read_client_message(agent_).value();
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(std::get<wire::RingReady>(*message).ready, count);
  }
}

TEST_F(OutboxTest, a_wakeup_that_is_owed_is_owed_once) {
  ASSERT_TRUE(agent_.announce_sleep());
  EXPECT_FALSE(outbox_.owes_wakeup());  // there is nothing to read
  outbox_.post_unhurried(wire::RingReady{kStream, 1});
  EXPECT_TRUE(outbox_.owes_wakeup());
  EXPECT_FALSE(outbox_.owes_wakeup());
  outbox_.wake_agent();
  EXPECT_TRUE(wakeup_.drain());
}

TEST_F(OutboxTest, a_full_ring_wakes_the_agent_for_any_message) {
  ASSERT_TRUE(agent_.announce_sleep());
  for (std::uint32_t i = 0; i < kEntries; ++i) {
    outbox_.post_unhurried(wire::RingReady{kStream, i});
  }
  EXPECT_FALSE(wakeup_.drain());
  outbox_.post_unhurried(wire::RingReady{kStream, kEntries});
  EXPECT_TRUE(wakeup_.drain());
  EXPECT_FALSE(outbox_.idle());  // it waits, behind the ring
}

}  // namespace
}  // namespace pegaflow::client
