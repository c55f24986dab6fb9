// IdleWait: how the mover waits when there is nothing to do: spin, nap, sleep (DESIGN.md §3).
#pragma once

#include "base/clock.h"
#include "base/event_fd.h"
#include "memory/ring.h"

namespace pegaflow::client {

struct WaitPolicy {
  Nanos spin{0};       // after the last activity
  Nanos nap_until{0};  // after the last activity; then sleep
  Nanos nap{std::chrono::microseconds(30)};
};
// Spinning and napping only where there are cores to spare.
WaitPolicy wait_policy(unsigned cores);
// Cores that this thread may run on.
unsigned usable_cores();

enum class Wait : std::uint8_t { kSpin, kNap, kSleep };
// What to do `idle_for` after the last activity; `expecting`: something is due soon.
Wait next_wait(const WaitPolicy& policy, bool expecting, Nanos idle_for);

// Sleeps until one of the event fds or the socket is readable, at most `timeout`. True: the socket
// is. What was signalled is taken.
bool sleep_on(const EventFd& from_agent, const EventFd& from_engine, int socket, Millis timeout);

}  // namespace pegaflow::client
