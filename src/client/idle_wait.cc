#include "client/idle_wait.h"

#include <poll.h>
#include <sched.h>

#include <array>
#include <chrono>
#include <ctime>
#include <thread>

namespace pegaflow::client {
namespace {

// With fewer, a spinning mover would take the core of the agent (or engine) it waits for.
constexpr unsigned kCoresToSpin = 8;

}  // namespace

WaitPolicy wait_policy(unsigned cores) {
  if (cores < kCoresToSpin) return {};
  return {std::chrono::microseconds(100), std::chrono::microseconds(500),
          std::chrono::microseconds(50), std::chrono::milliseconds(20)};
}

unsigned usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(CPU_COUNT(&set));
  return std::thread::hardware_concurrency();  // more than 1,024 CPUs
}

Wait next_wait(const WaitPolicy& policy, const Expected& expected, Nanos idle_for) {
  if (expected.chunk && idle_for < policy.spin_on_writer) return Wait::kSpin;
  const bool on_gpu = expected.mark || expected.copy;
  if (!expected.message && !on_gpu) return Wait::kSleep;
  if (idle_for < (expected.copy ? policy.spin_on_gpu : policy.spin)) return Wait::kSpin;
  // Nobody would wake the mover when a GPU is done.
  return on_gpu || idle_for < policy.nap_until ? Wait::kNap : Wait::kSleep;
}

Woken sleep_on(const EventFd& from_agent, const EventFd& from_engine, int socket, Nanos timeout,
               int bell) {
  std::array<pollfd, 4> waited{{{from_agent.fd(), POLLIN, 0},
                                {from_engine.fd(), POLLIN, 0},
                                {socket, POLLIN, 0},
                                {bell, POLLIN, 0}}};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(timeout);
  const timespec limit{seconds.count(), (timeout - seconds).count()};
  if (::ppoll(waited.data(), waited.size(), &limit, nullptr) <= 0) return {};
  if (waited[0].revents != 0) from_agent.drain();
  if (waited[1].revents != 0) from_engine.drain();
  return {waited[0].revents != 0 || waited[1].revents != 0, waited[2].revents != 0,
          waited[3].revents != 0};
}

}  // namespace pegaflow::client
