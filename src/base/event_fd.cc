#include "base/event_fd.h"

#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace pegaflow {

Result<EventFd> EventFd::create() {
  UniqueFd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd.valid()) return system_error("create an event file descriptor");
  return EventFd(std::move(fd));
}

void EventFd::signal() const {
  const std::uint64_t one = 1;
  // EAGAIN means that the counter is full, so the descriptor is readable already.
  while (::write(fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

bool EventFd::drain() const {
  std::uint64_t count = 0;
  iovec into{&count, sizeof count};
  // RWF_NOWAIT: another process that has this descriptor could have made it blocking.
  const auto got = ::preadv2(fd_.get(), &into, 1, -1, RWF_NOWAIT);
  return got == static_cast<ssize_t>(sizeof count);
}

}  // namespace pegaflow
