// Notices of emulated puts, as a peer sends them. What is accepted must encode to the same bytes.
#include "transport/ucx/put_notice.h"

#include <algorithm>
#include <array>

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pegaflow::transport;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto notice = decode_put_notice(bytes);
  if (!notice.ok()) return 0;
  std::array<std::byte, 32> again{};
  encode_put_notice(*notice, again);
  PEGAFLOW_CHECK(std::equal(bytes.begin(), bytes.end(), again.begin(), again.end()));
  return 0;
}
