// A link socket's bytes as a hostile peer sends them. Frames that come out are within the limits.
#include "base/frame_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pegaflow;
  constexpr FrameLimits kLimits{.max_frame_bytes = 4096, .max_outgoing_bytes = 65'536};
  constexpr std::size_t kMostBytes = 32 * 1024;  // fits into the kernel's buffer
  auto ends = FrameSocket::pair(kLimits);
  PEGAFLOW_CHECK(ends.ok());
  const std::size_t sent = std::min(size, kMostBytes);
  if (sent > 0)
    PEGAFLOW_CHECK(::write(ends->second.fd(), data, sent) == static_cast<ssize_t>(sent));
  for (;;) {
    auto packet = ends->first.receive();
    if (!packet.ok() || !packet->has_value()) return 0;
    PEGAFLOW_CHECK(!(*packet)->text.empty() && (*packet)->text.size() <= kLimits.max_frame_bytes);
  }
}
