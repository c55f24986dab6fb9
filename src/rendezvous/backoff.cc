#include "rendezvous/backoff.h"

#include <algorithm>

#include "base/random.h"

namespace pegaflow::rendezvous {

std::chrono::milliseconds Backoff::failed() {
  auto longest = first_;
  for (unsigned i = 0; i < failures_ && longest < last_; ++i) longest *= 2;
  longest = std::max(std::min(longest, last_), std::chrono::milliseconds(1));
  ++failures_;
  const auto half = static_cast<std::uint64_t>((longest.count() + 1) / 2);
  const auto rest = static_cast<std::uint64_t>(longest.count()) - half;
  return std::chrono::milliseconds(half + random_u64() % (rest + 1));
}

}  // namespace pegaflow::rendezvous
