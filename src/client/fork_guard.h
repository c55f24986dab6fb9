// ForkGuard: tells a process that made a session from a child that inherited it by fork().
#pragma once

#include <cstdint>

namespace pegaflow::client {

// Thread safe; costs one load.
class ForkGuard {
 public:
  ForkGuard();
  // False in a child of the process that constructed this.
  bool in_own_process() const;

 private:
  std::uint64_t generation_;
};

}  // namespace pegaflow::client
