#include "agent/control_channel.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <variant>

namespace pegaflow::agent {
namespace {

template <typename... Types>
bool is_any(const wire::ControlMessage& message) {
  return (std::holds_alternative<Types>(message) || ...);
}

std::uint32_t limit_of(const wire::ControlMessage& message) {
  if (is_any<wire::Ping>(message)) return ControlChannel::kWindow;
  if (is_any<wire::Abort, wire::Quiesced, wire::Pong>(message)) {
    return ControlChannel::kWindow - ControlChannel::kKeptForPings;
  }
  return ControlChannel::kWindow - ControlChannel::kReserved;
}

Error wrong(std::string_view what, std::uint64_t expected, std::uint64_t got) {
  return {Code::kProtocol, "control message: " + std::string(what) + ": expected " +
                               std::to_string(expected) + ", got " + std::to_string(got)};
}

}  // namespace

std::optional<StreamKey> stream_of(const wire::ControlMessage& message) {
  return std::visit(
      [](const auto& m) -> std::optional<StreamKey> {
        if constexpr (requires { m.stream; }) {
          return m.stream;
        } else {
          return std::nullopt;
        }
      },
      message);
}

bool ControlChannel::fits(const wire::ControlMessage& message) const {
  return unacknowledged() < limit_of(message);
}

bool ControlChannel::may_overtake(const wire::ControlMessage& message) const {
  if (is_any<wire::Ping, wire::Pong>(message)) return true;
  if (!is_any<wire::Abort, wire::Quiesced>(message)) return false;
  const std::optional<StreamKey> stream = stream_of(message);
  return std::none_of(queue_.begin(), queue_.end(),
                      [&](const auto& queued) { return stream_of(queued) == stream; });
}

Status ControlChannel::send(const wire::ControlMessage& message) {
  if (fits(message) && (queue_.empty() || may_overtake(message))) return transmit(message);
  if (is_any<wire::Ping, wire::Pong>(message)) return {};
  if (queue_.size() >= kMaxQueued) {
    return Error(Code::kResourceExhausted,
                 std::to_string(kMaxQueued) + " control messages wait for the peer already");
  }
  queue_.push_back(message);
  return {};
}

Status ControlChannel::transmit(const wire::ControlMessage& message) {
  wire::ControlHeader header;
  header.version = identity_.version;
  header.sequence = sent_ + 1;
  header.ack = received_;
  header.sender_epoch = identity_.own;
  header.incarnation = identity_.incarnation;
  std::array<std::byte, wire::kMaxControlBytes> buffer;
  PEGAFLOW_ASSIGN(const std::size_t size, wire::encode_control(header, message, buffer));
  const auto type = static_cast<std::uint8_t>(message.index() + 1);
  PEGAFLOW_TRY(transmit_(type, std::span(buffer).first(size)));
  ++sent_;
  acknowledged_to_peer_ = received_;
  return {};
}

Status ControlChannel::check(const wire::ControlHeader& header) const {
  if (header.version != identity_.version) {
    return wrong("version", identity_.version, header.version);
  }
  if (header.sender_epoch != identity_.peer) {
    return wrong("sender's epoch", identity_.peer.value, header.sender_epoch.value);
  }
  if (header.incarnation != identity_.incarnation) {
    return wrong("link incarnation", identity_.incarnation.value, header.incarnation.value);
  }
  if (header.sequence != received_ + 1) {
    return wrong("sequence", std::uint64_t{received_} + 1, header.sequence);
  }
  if (header.ack - acknowledged_ > unacknowledged()) {
    return Error(Code::kProtocol, "control message: acknowledges " + std::to_string(header.ack) +
                                      ", but " + std::to_string(acknowledged_) + " to " +
                                      std::to_string(sent_) + " is all it can");
  }
  return {};
}

Result<wire::DecodedControl> ControlChannel::decode(std::span<const std::byte> bytes) {
  Result<wire::DecodedControl> decoded = wire::decode_control(bytes);
  if (decoded.ok() || bytes.size() > wire::kMaxControlBytes) return decoded;
  std::array<std::byte, wire::kMaxControlBytes> buffer;
  const std::span<std::byte> copy = std::span(buffer).first(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.begin());
  if (!wire::mend_control(copy)) return decoded;
  ++mended_;
  return wire::decode_control(copy);
}

Result<std::optional<wire::ControlMessage>> ControlChannel::receive(
    std::span<const std::byte> bytes) {
  PEGAFLOW_ASSIGN(wire::DecodedControl decoded, decode(bytes));
  PEGAFLOW_TRY(check(decoded.header));
  received_ = decoded.header.sequence;
  acknowledged_ = decoded.header.ack;
  PEGAFLOW_TRY(drain_queue());
  if (decoded.skipped) return std::optional<wire::ControlMessage>();
  return std::optional(std::move(decoded.message));
}

Status ControlChannel::drain_queue() {
  while (!queue_.empty() && fits(queue_.front())) {
    PEGAFLOW_TRY(transmit(queue_.front()));
    queue_.pop_front();
  }
  return {};
}

}  // namespace pegaflow::agent
