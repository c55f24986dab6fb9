// IdleWait: how the mover waits when there is nothing to do: spin, nap, sleep (DESIGN.md §3).
#pragma once

#include "base/clock.h"
#include "base/event_fd.h"
#include "memory/ring.h"

namespace pegaflow::client {

struct WaitPolicy {
  Nanos spin{0};         // after the last activity
  Nanos spin_on_gpu{0};  // … while copies run on a GPU, which nobody signals the end of
  // How often a GPU is looked at after that. A core that naps wakes in 10 µs, one that sleeps for
  // longer in 30 and more; so until `nap_until` after the last activity the mover naps, too, when
  // it would be woken. A nap costs 5 µs.
  Nanos nap{std::chrono::microseconds(50)};
  Nanos nap_until{0};
  // How long a lent slot that is being filled is looked at before sleep, and how long it is waited
  // for that the next one is; on few cores, too, because whoever else wants the core gets it.
  Nanos spin_on_writer{std::chrono::microseconds(200)};
  Nanos spin_between{std::chrono::microseconds(100)};
};
// Spinning and napping only where there are cores to spare.
WaitPolicy wait_policy(unsigned cores);
// Cores that this thread may run on.
unsigned usable_cores();

enum class Wait : std::uint8_t { kSpin, kNap, kSleep };
// What the mover waits for.
struct Expected {
  bool message = false;  // something is due soon, and will be signalled if the mover sleeps
  bool mark = false;     // work of the engine's on a GPU
  bool copy = false;     // a copy on a GPU
  bool chunk = false;    // in a slot that this thread looks at
};
// What to do `idle_for` after the last activity.
Wait next_wait(const WaitPolicy& policy, const Expected& expected, Nanos idle_for);

struct Woken {
  bool signalled = false;  // by agent or engine
  bool socket = false;     // it is readable
  bool bell = false;       // rung
};
// Sleeps until one of the event fds, the bell (-1: none) or the socket is readable, at most
// `timeout`. What was signalled is taken, but not the bell's ring.
Woken sleep_on(const EventFd& from_agent, const EventFd& from_engine, int socket, Nanos timeout,
               int bell = -1);

}  // namespace pegaflow::client
