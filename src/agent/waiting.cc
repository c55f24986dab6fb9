#include "agent/waiting.h"

#include <sched.h>

#include <algorithm>
#include <ctime>
#include <utility>

namespace pegaflow::agent {
namespace {

// Where cores are many, a transfer that flows is not slept through: the next event of one is less
// than that away, and a wake-up from sleep costs 30 µs and more.
constexpr int kCoresToSpinLong = 8;
constexpr std::chrono::microseconds kLongSpin{100};

}  // namespace

WaitConfig wait_config_for_this_machine() {
  WaitConfig config;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  // More CPUs than a cpu_set_t holds is the only way for this to fail: then there are plenty.
  const bool known = ::sched_getaffinity(0, sizeof cpus, &cpus) == 0;
  const int count = known ? CPU_COUNT(&cpus) : CPU_SETSIZE;
  config.may_spin = count > 2;
  if (count >= kCoresToSpinLong) config.spin = kLongSpin;
  return config;
}

Nanos thread_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + Nanos(time.tv_nsec);
}

void WaitPolicy::settle(TimePoint now, Nanos cpu) {
  const Nanos spent = std::exchange(charging_, true) ? cpu - cpu_at_look_ : Nanos(0);
  const Nanos earned = std::chrono::duration_cast<Nanos>((now - looked_at_) * config_.share);
  // What cannot be saved up need not be paid back for ever either.
  budget_ = std::clamp(budget_ + earned - spent, -config_.burst, config_.burst);
  looked_at_ = now;
  cpu_at_look_ = cpu;
}

Nanos WaitPolicy::pause(TimePoint now, Nanos cpu) {
  settle(now, cpu);
  if (config_.may_spin && now - progress_ < config_.spin) return Nanos(0);
  const Nanos nap = std::exchange(period_, std::min(config_.longest, period_ + period_ / 8));
  if (budget_ >= Nanos(0)) return nap;
  const Nanos until_even = std::chrono::duration_cast<Nanos>(-budget_ / config_.share);
  return std::clamp(until_even, nap, config_.longest_thrifty);
}

}  // namespace pegaflow::agent
