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

void EventQueue::push(Event event) {
  {
    const std::lock_guard lock(mutex_);
    PEGAFLOW_CHECK(reserved_ > 0);
    --reserved_;
    unread_.push_back(std::move(event));
    if (unread_.size() == 1) readable_.signal();
  }
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
  if (unread_.empty()) return {};
  readable_.drain();
  return std::exchange(unread_, {});
}

}  // namespace pegaflow::client
