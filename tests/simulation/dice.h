// Dice: the only source of chance of a simulation. One seed, one schedule.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace pegaflow::simulation {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t number() { return engine_(); }
  // Not std::uniform_int_distribution: its results differ between libraries.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  std::uint32_t between(std::uint32_t low, std::uint32_t high) {
    return low + static_cast<std::uint32_t>(below(high - low + 1));
  }
  bool one_in(std::size_t n) { return below(n) == 0; }

  template <typename T>
  T take(std::vector<T>& from) {
    std::swap(from[below(from.size())], from.back());
    T item = std::move(from.back());
    from.pop_back();
    return item;
  }
  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace pegaflow::simulation
