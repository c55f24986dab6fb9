// WaitPolicy: how long the loop sleeps between two looks at things that nothing announces.
#pragma once

#include "base/clock.h"

namespace pegaflow::agent {

struct WaitConfig {
  // Spinning needs a core that nobody else wants.
  bool may_spin = true;
  Nanos spin = std::chrono::microseconds(20);
  Nanos shortest = std::chrono::microseconds(20);
  Nanos longest = std::chrono::microseconds(50);
  // What looking in vain may cost in the long run, as a share of one core. Where a look is dear
  // (virtual machines), naps get longer than `longest` to stay within it, …
  double share = 0.15;
  Nanos longest_thrifty = std::chrono::microseconds(400);  // … up to this
  Nanos burst = std::chrono::microseconds(300);  // processor time saved up for the next burst
};

// The default, with may_spin off where this thread may run on no more than two CPUs.
WaitConfig wait_config_for_this_machine();

// Processor time that this thread has used.
Nanos thread_cpu_time();

// Spin for a while after the last progress, then nap, longer and longer, within a budget of
// processor time, which grows while the loop sleeps or works, too. Progress makes naps short again;
// time spent on it costs nothing.
class WaitPolicy {
 public:
  WaitPolicy(const WaitConfig& config, TimePoint now)
      : config_(config),
        progress_(now),
        period_(config.shortest),
        budget_(config.burst),
        looked_at_(now) {}

  void progressed(TimePoint now) {
    progress_ = now;
    period_ = config_.shortest;
    charging_ = false;
  }
  // How long to sleep while something is expected; zero: look again at once. `cpu` is the thread's
  // processor time.
  Nanos pause(TimePoint now, Nanos cpu);

 private:
  void settle(TimePoint now, Nanos cpu);

  WaitConfig config_;
  TimePoint progress_;
  Nanos period_;
  Nanos budget_;           // of processor time; negative: overdrawn
  bool charging_ = false;  // the last turn was a look in vain, since:
  TimePoint looked_at_;
  Nanos cpu_at_look_{};
};

}  // namespace pegaflow::agent
