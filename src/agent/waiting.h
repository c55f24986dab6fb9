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
};

// The default, with may_spin off where this thread may run on no more than two CPUs.
WaitConfig wait_config_for_this_machine();

// Spin for a while after the last progress, then poll at a growing period; asleep when nothing is
// expected.
class WaitPolicy {
 public:
  WaitPolicy(const WaitConfig& config, TimePoint now)
      : config_(config), progress_(now), period_(config.shortest) {}

  void progressed(TimePoint now) {
    progress_ = now;
    period_ = config_.shortest;
  }
  // How long to sleep while something is expected; zero: look again at once.
  Nanos pause(TimePoint now);

 private:
  WaitConfig config_;
  TimePoint progress_;
  Nanos period_;
};

}  // namespace pegaflow::agent
