// The registered memories of a context: how many there may be, and which bytes they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "pegaflow/result.h"

namespace pegaflow::transport {

// Thread safe. Outlives its slots.
class Registrations {
 public:
  explicit Registrations(std::uint32_t max) : ranges_(max) {}

  struct GiveBack {
    Registrations* owner = nullptr;
    void operator()(std::span<std::byte>* range) const { owner->give_back(range); }
  };
  // Holds the place of one registered memory.
  using Slot = std::unique_ptr<std::span<std::byte>, GiveBack>;

  // kInvalidArgument when `bytes` is empty, kResourceExhausted when all places are taken.
  Result<Slot> take(std::span<std::byte> bytes);
  bool any() const;
  // The `length` bytes at `address` of this process; empty when they lie in no registered memory.
  std::span<std::byte> find(std::uint64_t address, std::uint64_t length) const;

 private:
  void give_back(std::span<std::byte>* range);

  mutable std::mutex mutex_;
  std::vector<std::span<std::byte>> ranges_;  // guarded by mutex_; empty: free
};

}  // namespace pegaflow::transport
