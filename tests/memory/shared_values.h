// Writing into shared memory as a process would that follows no rule.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace pegaflow::memory {

// The memory behind one fd as 8-byte words. The two sides' ordinary accesses are atomic, so are
// these: a test under ThreadSanitizer finds real races only.
class Words {
 public:
  explicit Words(std::span<std::byte> bytes)
      : words_(reinterpret_cast<std::uint64_t*>(bytes.data()), bytes.size() / 8) {}
  void store(std::size_t word, std::uint64_t value) {
    std::atomic_ref(words_[word]).store(value, std::memory_order_relaxed);
  }
  std::uint64_t load(std::size_t word) const {
    return std::atomic_ref(words_[word]).load(std::memory_order_relaxed);
  }
  std::size_t size() const { return words_.size(); }

 private:
  std::span<std::uint64_t> words_;
};

}  // namespace pegaflow::memory
