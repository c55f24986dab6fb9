#include "base/sd_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>

#include "base/unique_fd.h"

namespace pegaflow {
namespace {

// A whole number from the environment; 0: absent or malformed.
std::uint64_t number_from(const char* variable) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (text == nullptr) return 0;
  const std::string_view digits(text);
  std::uint64_t value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = result.ec == std::errc() && result.ptr == digits.data() + digits.size();
  return whole ? value : 0;
}

}  // namespace

void sd_notify(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): as above
  if (path == nullptr) return;
  const std::string_view name(path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() < 2 || name.size() >= sizeof address.sun_path) return;
  std::copy(name.begin(), name.end(), std::begin(address.sun_path));
  if (name.front() == '@') address.sun_path[0] = '\0';  // an abstract socket
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return;
  (void)::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), size);
}

std::optional<std::chrono::microseconds> sd_watchdog_period() {
  const std::uint64_t period = number_from("WATCHDOG_USEC");
  const std::uint64_t pid = number_from("WATCHDOG_PID");
  if (period == 0 || (pid != 0 && pid != static_cast<std::uint64_t>(::getpid()))) return {};
  return std::chrono::microseconds(period);
}

}  // namespace pegaflow
