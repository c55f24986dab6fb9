// Clock: the time that protocol code sees. Injected, so that tests own it.
#pragma once

#include <chrono>

namespace pegaflow {

using Nanos = std::chrono::nanoseconds;
using Millis = std::chrono::milliseconds;
// CLOCK_MONOTONIC since an arbitrary start, equal for all processes of one host.
using TimePoint = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

// The machine's CLOCK_MONOTONIC. Thread safe.
class SteadyClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
};

// Moves only when told. Not thread safe.
class FakeClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void advance(Nanos by) { now_ += by; }

 private:
  TimePoint now_{std::chrono::seconds(1)};
};

}  // namespace pegaflow
