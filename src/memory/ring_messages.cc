#include "memory/ring_messages.h"

namespace pegaflow::memory {
namespace {

// A message's type on a ring is its place in the variant, from 1.
template <typename Message>
std::uint8_t type_of(const Message& message) {
  return static_cast<std::uint8_t>(message.index() + 1);
}

}  // namespace

Result<bool> write_message(RingWriter& ring, const wire::ClientMessage& message) {
  wire::RingBuffer buffer;
  PEGAFLOW_ASSIGN(const std::size_t size, wire::encode_client(message, buffer));
  return ring.try_write(type_of(message), std::span(buffer).first(size));
}

Result<bool> write_message(RingWriter& ring, const wire::AgentMessage& message) {
  wire::RingBuffer buffer;
  PEGAFLOW_ASSIGN(const std::size_t size, wire::encode_agent(message, buffer));
  return ring.try_write(type_of(message), std::span(buffer).first(size));
}

Result<std::optional<wire::ClientMessage>> read_client_message(RingReader& ring) {
  PEGAFLOW_ASSIGN(const std::optional<RingMessage> raw, ring.next());
  if (!raw) return std::optional<wire::ClientMessage>();
  PEGAFLOW_ASSIGN(wire::ClientMessage message, wire::decode_client(raw->type, raw->payload));
  return std::optional(std::move(message));
}

Result<std::optional<wire::AgentMessage>> read_agent_message(RingReader& ring) {
  PEGAFLOW_ASSIGN(const std::optional<RingMessage> raw, ring.next());
  if (!raw) return std::optional<wire::AgentMessage>();
  PEGAFLOW_ASSIGN(wire::AgentMessage message, wire::decode_agent(raw->type, raw->payload));
  return std::optional(std::move(message));
}

}  // namespace pegaflow::memory
