// Control messages from outside. The input is also tried with length and checksum made right, since
// chance never finds those. What is accepted must encode to the same bytes again.
#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/crc32c.h"
#include "wire/control.h"

namespace {

using namespace pegaflow;
using Bytes = std::vector<std::byte>;

constexpr std::size_t kHeaderBytes = 36;

void decode(const Bytes& bytes) {
  auto decoded = wire::decode_control(bytes);
  if (!decoded.ok() || decoded->skipped) return;
  std::array<std::byte, wire::kMaxControlBytes> again{};
  auto size = wire::encode_control(decoded->header, decoded->message, again);
  PEGAFLOW_CHECK(size.ok() && *size == bytes.size());
  PEGAFLOW_CHECK(std::equal(bytes.begin(), bytes.end(), again.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  Bytes bytes(first, first + size);
  decode(bytes);
  if (size < kHeaderBytes) return 0;
  const auto length = static_cast<std::uint32_t>(size);
  std::memcpy(bytes.data(), &wire::kControlMagic, 4);
  std::memcpy(bytes.data() + 4, &wire::kControlVersion, 2);
  std::memcpy(bytes.data() + 8, &length, 4);
  std::memset(bytes.data() + 32, 0, 4);
  const std::uint32_t crc = crc32c(bytes);
  std::memcpy(bytes.data() + 32, &crc, 4);
  decode(bytes);
  return 0;
}
