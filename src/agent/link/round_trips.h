// RoundTrips: the median of a series of PINGs and their PONGs.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "base/clock.h"

namespace pegaflow::agent {

class RoundTrips {
 public:
  static constexpr std::size_t kSamples = 16;

  void start() { taken_ = 0; }
  bool running() const { return taken_ < kSamples; }
  // The median, once the last sample is there.
  std::optional<Nanos> sample(Nanos round_trip) {
    if (!running()) return std::nullopt;
    samples_[taken_++] = round_trip;
    if (running()) return std::nullopt;
    std::nth_element(samples_.begin(), samples_.begin() + kSamples / 2, samples_.end());
    return samples_[kSamples / 2];
  }

 private:
  std::array<Nanos, kSamples> samples_{};
  std::size_t taken_ = kSamples;
};

}  // namespace pegaflow::agent
