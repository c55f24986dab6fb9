#include "client/idle_wait.h"

#include <poll.h>
#include <sched.h>

#include <array>
#include <thread>

namespace pegaflow::client {
namespace {

// With fewer, a spinning mover would take the core of the agent (or engine) it waits for.
constexpr unsigned kCoresToSpin = 8;

}  // namespace

WaitPolicy wait_policy(unsigned cores) {
  if (cores < kCoresToSpin) return {};
  return {std::chrono::microseconds(20), std::chrono::milliseconds(1),
          std::chrono::microseconds(30)};
}

unsigned usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(CPU_COUNT(&set));
  return std::thread::hardware_concurrency();  // more than 1,024 CPUs
}

Wait next_wait(const WaitPolicy& policy, bool expecting, Nanos idle_for) {
  if (!expecting) return Wait::kSleep;
  if (idle_for < policy.spin) return Wait::kSpin;
  return idle_for < policy.nap_until ? Wait::kNap : Wait::kSleep;
}

bool sleep_on(const EventFd& from_agent, const EventFd& from_engine, int socket, Millis timeout) {
  std::array<pollfd, 3> waited{
      {{from_agent.fd(), POLLIN, 0}, {from_engine.fd(), POLLIN, 0}, {socket, POLLIN, 0}}};
  const int ready = ::poll(waited.data(), waited.size(), static_cast<int>(timeout.count()));
  if (ready <= 0) return false;
  if (waited[0].revents != 0) from_agent.drain();
  if (waited[1].revents != 0) from_engine.drain();
  return waited[2].revents != 0;
}

}  // namespace pegaflow::client
