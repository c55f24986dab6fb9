// How much of a GPU's memory this process holds, as NVML tells it. The driver API itself knows only
// the sum over all processes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pegaflow::memory::cuda {

// Contexts, code and allocations together. None: no NVML here, or it does not tell this process
// apart (another PID namespace, an old driver). `uuid`: "GPU-…". Thread safe; takes milliseconds.
std::optional<std::uint64_t> memory_of_this_process(const std::string& uuid);

}  // namespace pegaflow::memory::cuda
