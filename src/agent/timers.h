// Timers of the loop thread: one-shot callbacks at points in time. They can be shifted as a whole,
// so that an agent that was stopped does not judge others by time that it slept through.
#pragma once

#include <cstdint>
#include <functional>
#include <set>

#include "base/clock.h"

namespace pegaflow::agent {

class TimerQueue;

// One callback, armed or not. Lives on the loop thread; the queue outlives it.
class Timer {
 public:
  Timer(TimerQueue& queue, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void arm(TimePoint when);  // instead of what it was armed for before
  void disarm();
  bool armed() const { return armed_; }
  TimePoint when() const { return when_; }  // REQUIRES: armed()

 private:
  friend class TimerQueue;
  TimerQueue& queue_;
  std::function<void()> callback_;
  TimePoint when_{};
  std::uint64_t serial_ = 0;  // breaks ties: first armed, first run
  bool armed_ = false;
};

class TimerQueue {
 public:
  // TimePoint::max(): none is armed.
  TimePoint next() const;
  // Runs those that are due at `now`; what they arm anew waits for the next call. A callback may
  // arm, disarm and destroy any timer, its own too. Returns how many ran.
  std::size_t run_due(TimePoint now);
  // Moves every armed timer into the future.
  void shift(Nanos by);

 private:
  friend class Timer;
  struct Earlier {
    bool operator()(const Timer* a, const Timer* b) const;
  };
  std::set<Timer*, Earlier> armed_;
  std::uint64_t last_serial_ = 0;
  Timer* running_ = nullptr;  // whose callback runs now; null again once it is destroyed
};

}  // namespace pegaflow::agent
