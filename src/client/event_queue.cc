#include "client/event_queue.h"

#include <utility>

#include "base/check.h"

namespace pegaflow::client {

EventQueue::EventQueue(std::size_t capacity, EventFd readable)
    : capacity_(capacity), readable_(std::move(readable)) {}

bool EventQueue::reserve(std::size_t n) {
  const std::lock_guard lock(mutex_);
  if (unread_.size() + reserved_ + n > capacity_) return false;
  reserved_ += n;
  return true;
}

void EventQueue::release(std::size_t n) {
  const std::lock_guard lock(mutex_);
  PEGAFLOW_CHECK(n <= reserved_);
  reserved_ -= n;
}

// Whoever looks again and again sees the event before the system call that tells the others.
void EventQueue::push(Event event) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    PEGAFLOW_CHECK(reserved_ > 0);
    --reserved_;
    unread_.push_back(std::move(event));
    first = unread_.size() == 1;
    signalled_ = signalled_ || first;
  }
  if (first) readable_.signal();
  arrived_.notify_one();
}

std::vector<Event> EventQueue::poll() {
  const std::lock_guard lock(mutex_);
  return take_locked();
}

std::vector<Event> EventQueue::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, timeout, [this] { return !unread_.empty(); });
  return take_locked();
}

std::vector<Event> EventQueue::take_locked() {
  // A signal may follow the events that it is for, and stays due until it was drained.
  if (signalled_ && readable_.drain()) signalled_ = false;
  if (unread_.empty()) return {};
  return std::exchange(unread_, {});
}

}  // namespace pegaflow::client
