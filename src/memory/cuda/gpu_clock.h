// GpuClock: what a GPU's own clock shows at a host time, learnt from launches.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace pegaflow::memory::cuda {

// Each finished launch bounds the difference from above: its end was seen at the host later than it
// was. The least bound of the last while holds; clocks drift. Not thread safe.
class GpuClock {
 public:
  // CLOCK_MONOTONIC minus GPU time, in nanoseconds.
  std::int64_t difference() const { return difference_; }
  // A launch that ended at `gpu_end` was seen at `now` to have ended.
  void seen(std::uint64_t gpu_end, TimePoint now) {
    const std::int64_t bound =
        Nanos(now.time_since_epoch()).count() - static_cast<std::int64_t>(gpu_end);
    if (bound >= difference_ && known_ && now - since_ < kForget) return;
    difference_ = bound;
    since_ = now;
    known_ = true;
  }

 private:
  static constexpr std::chrono::seconds kForget{1};
  std::int64_t difference_ = 0;
  TimePoint since_;
  bool known_ = false;
};

}  // namespace pegaflow::memory::cuda
