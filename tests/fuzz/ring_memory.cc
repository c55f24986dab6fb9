// The shared memory of a ring as a hostile writer leaves it: the input lies in entries and
// counters. Odd first byte: checksums and sequence numbers are made right, so that the checks
// behind them are reached.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "base/check.h"
#include "base/crc32c.h"
#include "memory/ring_messages.h"

namespace {

using namespace pegaflow;

constexpr std::uint32_t kEntries = memory::RingMemory::kMinEntries;
constexpr std::size_t kFirstEntry = 512;
constexpr std::size_t kEntryBytes = wire::kRingEntryBytes;

void make_right(std::span<std::byte> entry, std::uint32_t sequence) {
  std::memcpy(entry.data() + 4, &sequence, 4);
  const std::uint32_t crc = crc32c(entry.subspan(4));
  std::memcpy(entry.data(), &crc, 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // Made once: the search runs millions of inputs.
  static auto rings = memory::RingMemory::create(kEntries);
  static auto raw = memory::SharedMemory::map("fuzzed", UniqueFd(::dup(rings->fd())),
                                              kFirstEntry + 2 * kEntries * kEntryBytes);
  PEGAFLOW_CHECK(rings.ok() && raw.ok());
  const auto bytes = raw->bytes();
  std::fill(bytes.begin(), bytes.end(), std::byte{});
  const auto content = std::as_bytes(std::span(data, size)).subspan(1);
  const std::uint64_t written = std::min<std::uint64_t>(kEntries, content.size() / kEntryBytes + 1);
  std::memcpy(bytes.data(), &written, sizeof written);
  std::copy_n(content.begin(), std::min(content.size(), kEntries * kEntryBytes),
              bytes.begin() + kFirstEntry);
  for (std::uint32_t i = 0; (data[0] & 1U) != 0 && i < kEntries; ++i) {
    make_right(bytes.subspan(kFirstEntry + i * kEntryBytes, kEntryBytes), i);
  }
  memory::RingReader reader = rings->reader(memory::RingDirection::kClientToAgent);
  for (std::uint32_t messages = 0;; ++messages) {
    PEGAFLOW_CHECK(messages <= kEntries);
    auto message = memory::read_client_message(reader);
    if (!message.ok() || !message->has_value()) break;
  }
  return 0;
}
