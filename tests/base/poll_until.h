// Waiting on descriptors with a deadline, for tests.
#pragma once

#include <poll.h>

#include <chrono>

namespace pegaflow {

inline constexpr std::chrono::seconds kTestDeadline{10};

// Waits until the descriptor has one of `events`; false when the deadline came first.
inline bool wait_for(int fd, short events) {
  pollfd entry{fd, events, 0};
  return ::poll(&entry, 1, std::chrono::milliseconds(kTestDeadline).count()) == 1;
}
inline bool wait_readable(int fd) { return wait_for(fd, POLLIN); }

}  // namespace pegaflow
