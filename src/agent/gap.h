// GapDetector: notices that this process did not run for a while (stopped, starved, a suspended
// machine), so that the time is not held against its peers.
#pragma once

#include <utility>

#include "base/clock.h"

namespace pegaflow::agent {

class GapDetector {
 public:
  GapDetector(Nanos threshold, TimePoint now) : threshold_(threshold), last_(now) {}

  // The thread is about to sleep for at most `planned`.
  void going_to_sleep(Nanos planned) { planned_ = planned; }
  // Call at least twice per turn of the loop. Time since the last call that was neither planned
  // sleep nor (within the threshold) work; zero: no gap.
  Nanos observe(TimePoint now) {
    const Nanos missing = now - last_ - std::exchange(planned_, Nanos(0));
    last_ = now;
    return missing > threshold_ ? missing : Nanos(0);
  }

 private:
  Nanos threshold_;
  TimePoint last_;
  Nanos planned_{0};
};

}  // namespace pegaflow::agent
