#include "agent/timers.h"

#include <utility>

namespace pegaflow::agent {

Timer::Timer(TimerQueue& queue, std::function<void()> callback)
    : queue_(queue), callback_(std::move(callback)) {}

Timer::~Timer() {
  disarm();
  if (queue_.running_ == this) queue_.running_ = nullptr;
}

void Timer::arm(TimePoint when) {
  disarm();
  when_ = when;
  serial_ = ++queue_.last_serial_;
  queue_.armed_.insert(this);
  armed_ = true;
}

void Timer::disarm() {
  if (armed_) queue_.armed_.erase(this);
  armed_ = false;
}

bool TimerQueue::Earlier::operator()(const Timer* a, const Timer* b) const {
  return a->when_ != b->when_ ? a->when_ < b->when_ : a->serial_ < b->serial_;
}

TimePoint TimerQueue::next() const {
  return armed_.empty() ? TimePoint::max() : (*armed_.begin())->when_;
}

std::size_t TimerQueue::run_due(TimePoint now) {
  const std::uint64_t newest = last_serial_;
  std::size_t ran = 0;
  for (auto it = armed_.begin(); it != armed_.end() && (*it)->when_ <= now;) {
    Timer& timer = **it;
    if (timer.serial_ > newest) {  // armed by a callback of this call
      ++it;
      continue;
    }
    timer.disarm();
    // Kept here while it runs: the timer may be destroyed by it.
    std::function<void()> callback = std::move(timer.callback_);
    running_ = &timer;
    callback();
    if (running_ != nullptr) timer.callback_ = std::move(callback);
    running_ = nullptr;
    ++ran;
    it = armed_.begin();  // the callback may have changed anything
  }
  return ran;
}

void TimerQueue::shift(Nanos by) {
  // All move alike, so the order of the set stays.
  for (Timer* timer : armed_) timer->when_ += by;
}

}  // namespace pegaflow::agent
