// EventQueue: the session's reports, oldest first. Bounded by reservation: whoever starts work
// reserves room for the events the work may end with, so that reporting never fails.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

#include "base/event_fd.h"
#include "pegaflow/transfer.h"

namespace pegaflow::client {

// Thread safe.
class EventQueue {
 public:
  EventQueue(std::size_t capacity, EventFd readable);

  // Room for n more events; false: full (unread and reserved ones count).
  bool reserve(std::size_t n);
  // Gives back room that no event will use. REQUIRES: reserved.
  void release(std::size_t n);
  // Uses one reserved place. One call at a time.
  void push(Event event);

  std::vector<Event> poll();
  std::vector<Event> wait(std::chrono::milliseconds timeout);
  int fd() const { return readable_.fd(); }

 private:
  std::vector<Event> take_locked();

  const std::size_t capacity_;
  EventFd readable_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Event> unread_;  // guarded by mutex_, as all below
  std::size_t reserved_ = 0;
  bool signalled_ = false;  // the descriptor is readable, or is about to be
};

}  // namespace pegaflow::client
