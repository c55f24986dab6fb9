#include "core/checksum.h"

#include <cstring>

namespace pegaflow::core {

ChecksumKind checksum_kind(bool integrity, const KvShape& source, const KvShape& sink) {
  if (!integrity) return ChecksumKind::kNone;
  const bool on_host = source.gpu_uuid.empty() && sink.gpu_uuid.empty();
  return on_host ? ChecksumKind::kCrc32c : ChecksumKind::kSlotSum;
}

std::uint32_t slot_sum(std::span<const std::byte> bytes) {
  constexpr std::size_t kWord = sizeof(std::uint32_t);
  std::uint64_t sum = 0;
  std::uint32_t index = 0;
  std::uint32_t word = 0;
  for (; bytes.size() >= kWord; bytes = bytes.subspan(kWord)) {
    std::memcpy(&word, bytes.data(), kWord);
    sum += word * slot_sum_key(index++);
  }
  if (!bytes.empty()) {
    word = 0;
    std::memcpy(&word, bytes.data(), bytes.size());
    sum += word * slot_sum_key(index);
  }
  return static_cast<std::uint32_t>(sum >> 32U);
}

}  // namespace pegaflow::core
