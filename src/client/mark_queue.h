// MarkQueue: what takes effect when the GPU has reached a mark, in the order in which it was said.
// Guarded by the session's lock; the mover alone takes things out. Its room is allocated once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "memory/streams.h"

namespace pegaflow::client {

template <typename Effect>
class MarkQueue {
 public:
  explicit MarkQueue(std::size_t capacity) : places_(capacity) {}

  std::size_t room() const { return places_.size() - size_; }
  bool empty() const { return size_ == 0; }
  // Counts over the queue's life; the entry pushed last has the number pushed(), and is still in
  // here while that is above popped().
  std::uint64_t pushed() const { return popped_ + size_; }
  std::uint64_t popped() const { return popped_; }

  // Without a mark: takes effect when all before it has. REQUIRES room().
  void push(memory::Mark mark, Effect effect) {
    places_[(first_ + size_) % places_.size()] = {mark, std::move(effect)};
    ++size_;
  }
  // The mark to wait for next; none: the first entry may go. REQUIRES !empty().
  memory::Mark next_mark() const { return places_[first_].mark; }
  // The first entry, which is not in here any more when its effect is applied.
  Effect pop() {
    Effect effect = std::move(places_[first_].effect);
    first_ = (first_ + 1) % places_.size();
    --size_;
    ++popped_;
    return effect;
  }
  template <typename Fn>
  void for_each(Fn&& fn) {
    for (std::size_t i = 0; i < size_; ++i) fn(places_[(first_ + i) % places_.size()].effect);
  }

 private:
  struct Entry {
    memory::Mark mark;
    Effect effect{};
  };
  std::vector<Entry> places_;
  std::size_t first_ = 0, size_ = 0;
  std::uint64_t popped_ = 0;
};

}  // namespace pegaflow::client
