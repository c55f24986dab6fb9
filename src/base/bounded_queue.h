// Queues whose room is fixed and allocated when they are made: FixedFifo for one thread,
// BoundedQueue for many writers (and readers) under a mutex.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace pegaflow {

// First in, first out, at most `capacity` elements. Not thread safe.
template <typename T>
class FixedFifo {
 public:
  explicit FixedFifo(std::size_t capacity) : places_(capacity) {}

  // False (and `value` untouched): full.
  bool try_push(T&& value) {
    if (full()) return false;
    places_[(first_ + size_) % places_.size()].emplace(std::move(value));
    ++size_;
    return true;
  }
  bool try_push(const T& value) { return try_push(T(value)); }
  std::optional<T> try_pop() {
    if (empty()) return std::nullopt;
    std::optional<T> value = std::move(places_[first_]);
    places_[first_].reset();
    first_ = (first_ + 1) % places_.size();
    --size_;
    return value;
  }
  // REQUIRES: !empty().
  T& front() { return *places_[first_]; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return places_.size(); }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == places_.size(); }

 private:
  std::vector<std::optional<T>> places_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

// The same for many threads. The waker (an EventFd, a worker's wake()) is the user's.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : fifo_(capacity) {}

  bool try_push(T&& value) {
    const std::lock_guard lock(mutex_);
    return fifo_.try_push(std::move(value));
  }
  bool try_push(const T& value) { return try_push(T(value)); }
  std::optional<T> try_pop() {
    const std::lock_guard lock(mutex_);
    return fifo_.try_pop();
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return fifo_.size();
  }
  bool empty() const { return size() == 0; }
  std::size_t capacity() const { return fifo_.capacity(); }

 private:
  mutable std::mutex mutex_;
  FixedFifo<T> fifo_;  // guarded by mutex_
};

}  // namespace pegaflow
