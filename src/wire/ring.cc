#include "wire/ring.h"

#include "wire/ring_fields.h"

namespace pegaflow::wire {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<ClientMessage>> kClientNames{
    "OFFER",  "READY",   "REWOUND",  "WITHDRAW", "FINISH",    "INTEND", "RECEIVE",
    "CANCEL", "RELEASE", "GATHERED", "LEFT",     "SCATTERED", "STOPPED"};
constexpr std::array<std::string_view, std::variant_size_v<AgentMessage>> kAgentNames{
    "STREAM", "CREDIT", "SCATTER", "STOP", "RESULT", "LENT"};

template <typename Message, typename Names>
Result<std::size_t> encode(const Message& message, const Names& names, RingBuffer& out) {
  FieldWriter writer(out);
  std::visit([&](const auto& alternative) { fields(writer, alternative); }, message);
  if (const Status status = writer.finish(); !status.ok()) {
    return status.error().within(names[message.index()]);
  }
  return writer.size();
}

template <typename Message, typename Names>
Result<Message> decode(std::uint8_t type, std::span<const std::byte> payload, const Names& names) {
  if (type == 0 || type > names.size()) {
    return Error(Code::kProtocol, "ring message: type is " + std::to_string(type) +
                                      ", expected 1 to " + std::to_string(names.size()));
  }
  FieldReader reader(payload);
  Message message;
  read_alternative(reader, type - 1U, message);
  if (const Status status = reader.finish(); !status.ok()) {
    return status.error().within(names[type - 1U]);
  }
  return message;
}

}  // namespace

Result<std::size_t> encode_client(const ClientMessage& message, RingBuffer& out) {
  return encode(message, kClientNames, out);
}

Result<std::size_t> encode_agent(const AgentMessage& message, RingBuffer& out) {
  return encode(message, kAgentNames, out);
}

Result<ClientMessage> decode_client(std::uint8_t type, std::span<const std::byte> payload) {
  return decode<ClientMessage>(type, payload, kClientNames);
}

Result<AgentMessage> decode_agent(std::uint8_t type, std::span<const std::byte> payload) {
  return decode<AgentMessage>(type, payload, kAgentNames);
}

}  // namespace pegaflow::wire
