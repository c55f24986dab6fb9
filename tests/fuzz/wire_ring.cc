// Ring messages of both directions: the first byte is the type, the rest the payload. What is
// accepted must encode to the same bytes again.
#include <algorithm>
#include <span>

#include "base/check.h"
#include "wire/ring.h"

namespace {

using namespace pegaflow;

template <typename Decoded, typename Encode>
void check_again(const Decoded& decoded, std::span<const std::byte> payload, Encode encode) {
  if (!decoded.ok()) return;
  wire::RingBuffer again{};
  auto size = encode(*decoded, again);
  PEGAFLOW_CHECK(size.ok() && *size == payload.size());
  PEGAFLOW_CHECK(std::equal(payload.begin(), payload.end(), again.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto payload = std::as_bytes(std::span(data, size)).subspan(1);
  check_again(wire::decode_client(data[0], payload), payload, wire::encode_client);
  check_again(wire::decode_agent(data[0], payload), payload, wire::encode_agent);
  return 0;
}
