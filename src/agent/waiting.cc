#include "agent/waiting.h"

#include <sched.h>

#include <algorithm>
#include <utility>

namespace pegaflow::agent {

WaitConfig wait_config_for_this_machine() {
  WaitConfig config;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  // More CPUs than a cpu_set_t holds is the only way for this to fail: then there are plenty.
  if (::sched_getaffinity(0, sizeof cpus, &cpus) == 0) config.may_spin = CPU_COUNT(&cpus) > 2;
  return config;
}

Nanos WaitPolicy::pause(TimePoint now) {
  if (config_.may_spin && now - progress_ < config_.spin) return Nanos(0);
  return std::exchange(period_, std::min(config_.longest, period_ + period_ / 8));
}

}  // namespace pegaflow::agent
