// How much memory this process can still get. Asked before staging memory is allocated, because
// the kernel answers a shortage of shared memory by killing processes, not by an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pegaflow/result.h"

namespace pegaflow::memory {

// Where the kernel tells; a test has its own.
struct MemorySources {
  std::string meminfo = "/proc/meminfo";
  std::string own_cgroup = "/proc/self/cgroup";
  std::string cgroup_root = "/sys/fs/cgroup";  // version 2
};

// Bytes available to this process: the machine's, or less where a control group limits it. All
// ones when nothing is known.
std::uint64_t available_memory(const MemorySources& sources = {});

// kResourceExhausted when `bytes` for `what` exceed `available`; says both numbers and what to do.
Status check_memory(std::string_view what, std::uint64_t bytes, std::uint64_t available);

}  // namespace pegaflow::memory
