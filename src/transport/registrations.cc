#include "transport/registrations.h"

#include <algorithm>
#include <string>

namespace pegaflow::transport {

Result<Registrations::Slot> Registrations::take(std::span<std::byte> bytes) {
  if (bytes.empty()) {
    return Error(Code::kInvalidArgument, "registering memory: 0 bytes, expected at least 1");
  }
  const std::lock_guard lock(mutex_);
  for (auto& range : ranges_) {
    if (!range.empty()) continue;
    range = bytes;
    return Slot(&range, GiveBack{this});
  }
  return Error(Code::kResourceExhausted,
               "all " + std::to_string(ranges_.size()) + " memory registrations are in use");
}

bool Registrations::any() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(ranges_, [](const auto& range) { return !range.empty(); });
}

std::span<std::byte> Registrations::find(std::uint64_t address, std::uint64_t length) const {
  const std::lock_guard lock(mutex_);
  for (const auto& range : ranges_) {
    // Below the range the difference wraps to more than its size.
    const auto offset = address - reinterpret_cast<std::uintptr_t>(range.data());
    if (offset < range.size() && length <= range.size() - offset) {
      return range.subspan(offset, length);
    }
  }
  return {};
}

void Registrations::give_back(std::span<std::byte>* range) {
  const std::lock_guard lock(mutex_);
  *range = {};
}

}  // namespace pegaflow::transport
