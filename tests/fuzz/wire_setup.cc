// Set-up messages of both sockets. What is accepted must survive being written and read again.
#include <string_view>

#include "base/check.h"
#include "wire/setup.h"

namespace {

using namespace pegaflow;

template <typename Decode, typename Encode>
void check_again(std::string_view text, Decode decode, Encode encode) {
  auto decoded = decode(text);
  if (!decoded.ok()) return;
  auto written = encode(*decoded);
  if (!written.ok()) return;  // escapes can make a text too long
  auto again = decode(*written);
  PEGAFLOW_CHECK(again.ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_again(text, wire::decode_session, wire::encode_session);
  check_again(text, wire::decode_link, wire::encode_link);
  return 0;
}
