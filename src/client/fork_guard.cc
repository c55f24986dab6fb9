#include "client/fork_guard.h"

#include <pthread.h>

#include <atomic>

#include "base/check.h"

namespace pegaflow::client {
namespace {

// How many forks lie between the first user of the library and this process. A property of the
// process, hence one per process; cheaper than getpid() on every call.
std::atomic<std::uint64_t> fork_generation{0};

std::uint64_t watched_generation() {
  static const bool kWatching = [] {
    return ::pthread_atfork(nullptr, nullptr,
                            [] { fork_generation.fetch_add(1, std::memory_order_relaxed); }) == 0;
  }();
  PEGAFLOW_CHECK(kWatching);  // fails only without memory
  return fork_generation.load(std::memory_order_relaxed);
}

}  // namespace

ForkGuard::ForkGuard() : generation_(watched_generation()) {}

bool ForkGuard::in_own_process() const {
  return generation_ == fork_generation.load(std::memory_order_relaxed);
}

}  // namespace pegaflow::client
