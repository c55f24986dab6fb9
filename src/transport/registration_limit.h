// The bound on registered memories of a context: each holds one slot for as long as it lives.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "pegaflow/result.h"

namespace pegaflow::transport {

// Thread safe. Outlives its slots.
class RegistrationLimit {
 public:
  explicit RegistrationLimit(std::uint32_t max) : max_(max) {}

  struct GiveBack {
    void operator()(std::atomic<std::uint32_t>* used) const { used->fetch_sub(1); }
  };
  using Slot = std::unique_ptr<std::atomic<std::uint32_t>, GiveBack>;

  // kResourceExhausted when all are in use.
  Result<Slot> take() {
    if (used_.fetch_add(1) >= max_) {
      used_.fetch_sub(1);
      return Error(Code::kResourceExhausted,
                   "all " + std::to_string(max_) + " memory registrations are in use");
    }
    return Slot(&used_);
  }
  std::uint32_t used() const { return used_.load(); }

 private:
  std::uint32_t max_;
  std::atomic<std::uint32_t> used_{0};
};

}  // namespace pegaflow::transport
