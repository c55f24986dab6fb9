#include "agent/control_channel.h"

#include <gtest/gtest.h>

#include <deque>
#include <variant>
#include <vector>

#include "agent/link/heartbeat.h"

namespace pegaflow::agent {
namespace {

using Bytes = std::vector<std::byte>;

constexpr AgentEpoch kA{11}, kB{22};
constexpr LinkIncarnation kIncarnation{3};

StreamKey stream(std::uint32_t n) { return {XferId{1}, StreamId{n}}; }

// Two channels and the bytes between them.
class ControlChannelTest : public ::testing::Test {
 protected:
  // Hands everything that A sent to B; what B answers stays in from_b.
  void deliver_to_b() {
    while (!from_a.empty()) {
      const Bytes bytes = from_a.front();
      from_a.pop_front();
      const auto message = b.receive(bytes);
      ASSERT_TRUE(message.ok()) << message.error().message();
      if (*message) at_b.push_back(**message);
    }
  }
  void deliver_to_a() {
    while (!from_b.empty()) {
      const Bytes bytes = from_b.front();
      from_b.pop_front();
      ASSERT_TRUE(a.receive(bytes).ok());
    }
  }
  void fill_window() {
    while (a.window_open()) ASSERT_TRUE(a.send(wire::Done{stream(1), 0}).ok());
  }
  static ControlChannel::Transmit into(std::deque<Bytes>& queue) {
    return [&queue](std::uint8_t, std::span<const std::byte> bytes) {
      queue.emplace_back(bytes.begin(), bytes.end());
      return Status();
    };
  }

  std::deque<Bytes> from_a, from_b;
  std::vector<wire::ControlMessage> at_b;
  ControlChannel a{{wire::kControlVersion, kA, kB, kIncarnation}, into(from_a)};
  ControlChannel b{{wire::kControlVersion, kB, kA, kIncarnation}, into(from_b)};
};

TEST_F(ControlChannelTest, messages_arrive_in_order_and_are_acknowledged_by_answers) {
  for (std::uint32_t n = 1; n <= 3; ++n) ASSERT_TRUE(a.send(wire::Done{stream(n), n}).ok());
  deliver_to_b();
  ASSERT_EQ(at_b.size(), 3U);
  EXPECT_EQ(std::get<wire::Done>(at_b[2]).bytes, 3U);
  EXPECT_EQ(a.unacknowledged(), 3U);
  ASSERT_TRUE(b.send(wire::Done{stream(9), 0}).ok());
  deliver_to_a();
  EXPECT_EQ(a.unacknowledged(), 0U);
}

TEST_F(ControlChannelTest, full_window_queues_and_opens_with_acknowledgements) {
  fill_window();
  EXPECT_EQ(from_a.size(), ControlChannel::kWindow - ControlChannel::kReserved);
  ASSERT_TRUE(a.send(wire::Done{stream(2), 77}).ok());
  EXPECT_TRUE(a.shut());
  EXPECT_EQ(from_a.size(), ControlChannel::kWindow - ControlChannel::kReserved);
  deliver_to_b();
  EXPECT_TRUE(b.ack_due());
  ASSERT_TRUE(b.send(wire::Ping{1}).ok());
  EXPECT_FALSE(b.ack_due());
  deliver_to_a();
  EXPECT_FALSE(a.shut());
  EXPECT_TRUE(a.window_open());
  deliver_to_b();
  EXPECT_EQ(std::get<wire::Done>(at_b.back()).bytes, 77U);
}

TEST_F(ControlChannelTest, aborts_use_the_reserve_but_never_overtake_their_own_stream) {
  fill_window();
  const std::size_t sent = from_a.size();
  ASSERT_TRUE(a.send(wire::Done{stream(2), 0}).ok());                    // queued
  ASSERT_TRUE(a.send(wire::Abort{stream(3), Reason::kCancelled}).ok());  // overtakes
  EXPECT_EQ(from_a.size(), sent + 1);
  ASSERT_TRUE(a.send(wire::Abort{stream(2), Reason::kCancelled}).ok());  // waits behind DONE
  EXPECT_EQ(from_a.size(), sent + 1);
  EXPECT_EQ(a.queued(), 2U);
}

TEST_F(ControlChannelTest, pings_get_out_when_even_the_reserve_is_used_up) {
  fill_window();
  for (std::uint32_t n = 0; n < ControlChannel::kReserved * 2; ++n) {
    ASSERT_TRUE(a.send(wire::Abort{stream(100 + n), Reason::kCancelled}).ok());
  }
  const std::size_t sent = from_a.size();
  EXPECT_EQ(sent, ControlChannel::kWindow - ControlChannel::kKeptForPings);
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(a.send(wire::Ping{1}).ok());
  EXPECT_EQ(from_a.size(), ControlChannel::kWindow);  // the rest were dropped, not queued
}

TEST_F(ControlChannelTest, both_sides_filling_their_windows_at_once_is_no_deadlock) {
  const auto fill = [](ControlChannel& channel) {
    for (std::uint32_t n = 0; n < 200; ++n) {
      ASSERT_TRUE(channel.send(wire::Abort{stream(n), Reason::kCancelled}).ok());
    }
  };
  fill(a);
  fill(b);
  for (int round = 0; round < 20; ++round) {
    deliver_to_b();
    if (b.ack_due()) {
      ASSERT_TRUE(b.send(wire::Ping{1}).ok());
    }
    deliver_to_a();
    if (a.ack_due()) {
      ASSERT_TRUE(a.send(wire::Ping{1}).ok());
    }
  }
  EXPECT_EQ(a.queued(), 0U);
  EXPECT_EQ(b.queued(), 0U);
}

TEST_F(ControlChannelTest, full_queue_is_an_error) {
  fill_window();
  for (std::size_t n = 0; n < ControlChannel::kMaxQueued; ++n) {
    ASSERT_TRUE(a.send(wire::Done{stream(1), 0}).ok());
  }
  const Status refused = a.send(wire::Done{stream(1), 0});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
}

TEST_F(ControlChannelTest, gap_and_repeat_are_protocol_errors) {
  ASSERT_TRUE(a.send(wire::Ping{1}).ok());
  ASSERT_TRUE(a.send(wire::Ping{2}).ok());
  const auto gap = b.receive(from_a[1]);
  ASSERT_FALSE(gap.ok());
  EXPECT_NE(gap.error().message().find("sequence: expected 1, got 2"), std::string::npos);
  ASSERT_TRUE(b.receive(from_a[0]).ok());
  EXPECT_FALSE(b.receive(from_a[0]).ok());
}

TEST_F(ControlChannelTest, other_incarnation_or_epoch_is_a_protocol_error) {
  ASSERT_TRUE(a.send(wire::Ping{1}).ok());
  ControlChannel rebuilt({wire::kControlVersion, kB, kA, LinkIncarnation{4}}, into(from_b));
  EXPECT_FALSE(rebuilt.receive(from_a[0]).ok());
  ControlChannel restarted({wire::kControlVersion, kB, AgentEpoch{99}, kIncarnation}, into(from_b));
  EXPECT_FALSE(restarted.receive(from_a[0]).ok());
}

TEST_F(ControlChannelTest, acknowledging_what_was_never_sent_is_a_protocol_error) {
  wire::ControlHeader header{
      .sequence = 1, .ack = 1, .sender_epoch = kB, .incarnation = kIncarnation};
  std::array<std::byte, wire::kMaxControlBytes> buffer{};
  const std::size_t size = wire::encode_control(header, wire::Ping{1}, buffer).value();
  EXPECT_FALSE(a.receive(std::span(buffer).first(size)).ok());
}

TEST_F(ControlChannelTest, a_flipped_bit_is_put_right_and_two_are_not) {
  const wire::ControlHeader header{
      .sequence = 1, .ack = 0, .sender_epoch = kB, .incarnation = kIncarnation};
  std::array<std::byte, wire::kMaxControlBytes> buffer{};
  const wire::Done message{stream(7), 4711};
  const std::size_t size = wire::encode_control(header, message, buffer).value();
  const std::span<std::byte> bytes = std::span(buffer).first(size);
  for (std::size_t bit = 0; bit < size * 8; ++bit) {
    const auto flip = [&bytes](std::size_t at) {
      bytes[at / 8] ^= std::byte{static_cast<unsigned char>(1U << (at % 8))};
    };
    flip(bit);
    ControlChannel channel({.own = kA, .peer = kB, .incarnation = kIncarnation},
                           [](std::uint8_t, std::span<const std::byte>) { return Status(); });
    const auto received = channel.receive(bytes);
    ASSERT_TRUE(received.ok()) << received.error().message();
    EXPECT_EQ(std::get<wire::Done>(**received), message);
    EXPECT_EQ(channel.mended(), 1U);
    const std::size_t second = (bit + 13) % (size * 8);
    flip(second);
    ControlChannel other({.own = kA, .peer = kB, .incarnation = kIncarnation},
                         [](std::uint8_t, std::span<const std::byte>) { return Status(); });
    EXPECT_FALSE(other.receive(bytes).ok()) << bit;
    flip(second);
    flip(bit);
  }
}

TEST_F(ControlChannelTest, heartbeat_condemns_a_silent_peer_after_its_limit_and_not_before) {
  Heartbeat heartbeat({.period = Millis(500), .dead_after = Millis(1500)});
  EXPECT_TRUE(heartbeat.tick(a).ok());
  heartbeat.heard();
  EXPECT_TRUE(heartbeat.tick(a).ok());
  EXPECT_TRUE(heartbeat.tick(a).ok());   // silent for 500 to 1000 ms
  EXPECT_FALSE(heartbeat.tick(a).ok());  // for 1000 to 1500
}

TEST_F(ControlChannelTest, heartbeat_condemns_a_peer_that_acknowledges_nothing) {
  Heartbeat heartbeat({.period = Millis(500), .window_shut = Millis(1000)});
  fill_window();
  ASSERT_TRUE(a.send(wire::Done{stream(1), 0}).ok());
  const auto tick = [&] {
    heartbeat.heard();
    return heartbeat.tick(a).ok();
  };
  EXPECT_TRUE(tick());
  EXPECT_FALSE(tick());
}

}  // namespace
}  // namespace pegaflow::agent
