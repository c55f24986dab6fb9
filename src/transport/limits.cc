#include "transport/limits.h"

namespace pegaflow::transport {
namespace {

bool in_bounds(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return length > 0 && offset <= size && length <= size - offset;
}

Error refused(const char* side, std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return {Code::kInvalidArgument, "put of " + std::to_string(length) + " bytes at offset " +
                                      std::to_string(offset) + " of the " + side +
                                      " memory, which has " + std::to_string(size)};
}

}  // namespace

Status check_message_size(std::span<const std::byte> message) {
  if (!message.empty() && message.size() <= kMaxMessageBytes) return {};
  return Error(Code::kInvalidArgument, "a message of " + std::to_string(message.size()) +
                                           " bytes, expected 1 to " +
                                           std::to_string(kMaxMessageBytes));
}

Status check_put_range(std::span<const std::byte> from, const LocalMemory& local,
                       const RemoteMemory& to, std::uint64_t offset) {
  // Addresses as integers: pointers into different objects don't compare. One below `local` wraps
  // to a huge offset.
  const auto source = reinterpret_cast<std::uintptr_t>(from.data()) -
                      reinterpret_cast<std::uintptr_t>(local.bytes().data());
  if (!in_bounds(source, from.size(), local.bytes().size())) {
    return refused("local", source, from.size(), local.bytes().size());
  }
  if (!in_bounds(offset, from.size(), to.size())) {
    return refused("remote", offset, from.size(), to.size());
  }
  return {};
}

}  // namespace pegaflow::transport
