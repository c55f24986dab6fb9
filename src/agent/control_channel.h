// ControlChannel: order, acknowledgement and back-pressure of one incarnation of a link's control
// messages. Knows their headers and not their meaning; whoever owns it moves the bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>

#include "base/strong_id.h"
#include "pegaflow/result.h"
#include "wire/control.h"

namespace pegaflow::agent {

struct ChannelIdentity {
  std::uint16_t version = wire::kControlVersion;  // negotiated
  AgentEpoch own, peer;
  LinkIncarnation incarnation;
};

// After any error the link must be reset. All calls on the loop thread.
class ControlChannel {
 public:
  // Unacknowledged messages. The peer has transport::kPrepostedReceives buffers posted.
  static constexpr std::uint32_t kWindow = 96;
  static constexpr std::uint32_t kReserved = 16;     // of kWindow, for ABORT, QUIESCED, PING, PONG
  static constexpr std::uint32_t kKeptForPings = 4;  // of kReserved: so that acks always get out
  static constexpr std::uint32_t kAckEvery = 32;     // received since we last sent something
  static constexpr std::size_t kMaxQueued = 8192;

  // `type` is the message's, for whoever counts.
  using Transmit = std::function<Status(std::uint8_t type, std::span<const std::byte>)>;
  ControlChannel(const ChannelIdentity& identity, Transmit transmit)
      : identity_(identity), transmit_(std::move(transmit)) {}

  // Sends, or queues while the window is shut (a PING or PONG is dropped then: it would come too
  // late to mean anything). ABORT and QUIESCED overtake other streams' queued messages, never
  // their own stream's. kResourceExhausted: the queue is full, too.
  Status send(const wire::ControlMessage& message);
  // Messages that repeat state may be built and sent now, without waiting in the queue.
  bool window_open() const { return queue_.empty() && unacknowledged() < kWindow - kReserved; }
  // Something waits for the peer's acknowledgement.
  bool shut() const { return !queue_.empty(); }

  // Checks one message's header and order, takes its acknowledgement, and sends what that lets
  // out of the queue. One flipped bit is put right. Nothing: a message to skip. kProtocol: a gap, a
  // repeat, another incarnation or epoch, an impossible acknowledgement, or what the codec refuses.
  Result<std::optional<wire::ControlMessage>> receive(std::span<const std::byte> bytes);
  // The peer waits for acknowledgements that nothing carries: send a PING.
  bool ack_due() const { return received_ - acknowledged_to_peer_ >= kAckEvery; }

  std::uint32_t acknowledged() const { return acknowledged_; }  // last sequence the peer has
  std::uint32_t unacknowledged() const { return sent_ - acknowledged_; }
  std::size_t queued() const { return queue_.size(); }
  std::uint32_t mended() const { return mended_; }  // messages that came with a flipped bit

 private:
  bool fits(const wire::ControlMessage& message) const;
  bool may_overtake(const wire::ControlMessage& message) const;
  Status transmit(const wire::ControlMessage& message);
  Result<wire::DecodedControl> decode(std::span<const std::byte> bytes);
  Status check(const wire::ControlHeader& header) const;
  Status drain_queue();

  const ChannelIdentity identity_;
  const Transmit transmit_;
  std::deque<wire::ControlMessage> queue_;  // ≤ kMaxQueued
  // Sequence numbers start at 1 and wrap; differences are what counts.
  std::uint32_t sent_ = 0;                  // last one used
  std::uint32_t acknowledged_ = 0;          // last one the peer has
  std::uint32_t received_ = 0;              // last one of the peer's
  std::uint32_t acknowledged_to_peer_ = 0;  // last one that it knows we have
  std::uint32_t mended_ = 0;
};

// The stream that a message is about; none for messages about keys or the link.
std::optional<StreamKey> stream_of(const wire::ControlMessage& message);

}  // namespace pegaflow::agent
