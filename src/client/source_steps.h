// Steps of an engine at the producing side: which offers compute which tokens. A step outlives its
// end while marks of it are queued; its memory is used again.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "client/offer.h"

namespace pegaflow::client {

struct StepEntry {
  Offer* offer = nullptr;
  TokenInterval tokens;
};

struct Step {
  std::vector<StepEntry> entries;
  std::uint32_t marks = 0;  // queued ones
  bool open = false;        // end_step() has not come
};

// Guarded by the session's lock.
class StepPool {
 public:
  // Null: no step is open.
  Step* open() const { return open_; }
  // An empty one, open. REQUIRES: none is open.
  Step& begin();
  void end();
  // Takes the offer out of every step.
  void forget(const Offer& offer);
  // The offer's tokens end at `token`, in every step.
  void cut(const Offer& offer, std::uint32_t token);

 private:
  std::vector<std::unique_ptr<Step>> steps_;
  Step* open_ = nullptr;
};

}  // namespace pegaflow::client
