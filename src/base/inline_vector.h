// InlineVector: a vector of at most N elements that lives where it is declared and never allocates.
// Exceeding N is a bug of the caller (CHECK); code that handles bytes from outside checks first.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>

#include "base/check.h"

namespace pegaflow {

template <typename T, std::size_t N>
class InlineVector {
 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  InlineVector() = default;
  InlineVector(std::initializer_list<T> items) {
    for (const T& item : items) push_back(item);
  }

  static constexpr std::size_t capacity() { return N; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == N; }
  void clear() { size_ = 0; }
  void resize(std::size_t size) {
    PEGAFLOW_CHECK(size <= N);
    for (std::size_t i = size_; i < size; ++i) items_[i] = T{};
    size_ = size;
  }
  void push_back(const T& item) {
    PEGAFLOW_CHECK(size_ < N);
    items_[size_++] = item;
  }
  void pop_back() {
    PEGAFLOW_CHECK(size_ > 0);
    --size_;
  }

  T& operator[](std::size_t i) { return items_[i]; }
  const T& operator[](std::size_t i) const { return items_[i]; }
  T& back() { return items_[size_ - 1]; }
  const T& back() const { return items_[size_ - 1]; }
  iterator begin() { return items_.data(); }
  iterator end() { return items_.data() + size_; }
  const_iterator begin() const { return items_.data(); }
  const_iterator end() const { return items_.data() + size_; }
  std::span<const T> span() const { return {items_.data(), size_}; }

  bool operator==(const InlineVector& other) const {
    if (size_ != other.size_) return false;
    for (std::size_t i = 0; i < size_; ++i) {
      if (!(items_[i] == other.items_[i])) return false;
    }
    return true;
  }

 private:
  std::array<T, N> items_{};
  std::size_t size_ = 0;
};

}  // namespace pegaflow
