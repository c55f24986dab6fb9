// How long to wait before trying again.
#pragma once

#include <chrono>

namespace pegaflow::rendezvous {

// After the n-th failure in a row: between half and all of min(first · 2ⁿ⁻¹, last), at random, so
// that many callers don't come back at once. Not thread safe.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds last)
      : first_(first), last_(last) {}
  std::chrono::milliseconds failed();
  void succeeded() { failures_ = 0; }
  unsigned failures() const { return failures_; }

 private:
  std::chrono::milliseconds first_, last_;
  unsigned failures_ = 0;
};

}  // namespace pegaflow::rendezvous
