#include "base/event_fd.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace pegaflow {
namespace {

constexpr std::uint64_t kOne = 1;
constexpr int kMostReads = 256;  // twice what a pipe holds

bool is_pipe(int fd) {
  struct stat found{};
  return ::fstat(fd, &found) == 0 && S_ISFIFO(found.st_mode);
}

}  // namespace

Result<EventFd> EventFd::create() {
  UniqueFd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd.valid()) return system_error("create an event file descriptor");
  return EventFd(std::move(fd));
}

// The two ends have flags of their own: the sleeper cannot make the signaller's writes block.
Result<EventFd::Ends> EventFd::create_ends() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return system_error("create a pipe");
  UniqueFd sleeping(ends[0]);
  EventFd signalling{UniqueFd(ends[1])};
  PEGAFLOW_ASSIGN(signalling.other_end_, sleeping.duplicate());
  return Ends{EventFd(std::move(sleeping)), std::move(signalling)};
}

EventFd::EventFd(UniqueFd fd) : fd_(std::move(fd)), pipe_(is_pipe(fd_.get())) {}

void EventFd::signal() const {
  // EAGAIN means that counter or pipe are full, so the descriptor is readable already.
  while (::write(fd_.get(), &kOne, sizeof kOne) < 0 && errno == EINTR) {
  }
}

bool EventFd::drain() const {
  if (!pipe_) {
    std::uint64_t count = 0;
    iovec into{&count, sizeof count};
    // RWF_NOWAIT: another process that has this descriptor could have made it blocking.
    return ::preadv2(fd_.get(), &into, 1, -1, RWF_NOWAIT) == static_cast<ssize_t>(sizeof count);
  }
  std::array<char, 512> signals{};
  bool any = false;
  for (int reads = 0; reads < kMostReads; ++reads) {
    const auto got = ::read(fd_.get(), signals.data(), signals.size());
    any = any || got > 0;
    if (got < static_cast<ssize_t>(signals.size())) break;
  }
  return any;
}

}  // namespace pegaflow
