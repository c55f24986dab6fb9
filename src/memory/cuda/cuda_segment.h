// Region memory for GPUs: segments of device memory that are shared as file descriptors, and host
// memory that kernels can reach.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "memory/cuda/context.h"
#include "memory/device.h"
#include "memory/segment.h"

namespace pegaflow::memory::cuda {

// One allocation of the virtual memory API, mapped whole and exported as a file descriptor. (With
// the older CUDA IPC the death of the exporter destroys the contexts of those who use it.)
Result<std::unique_ptr<Segment>> create_gpu_segment(const Context& context, const std::string& name,
                                                    std::uint64_t bytes);
// Maps another process's. kUnsupported: its GPU is not visible here or out of this GPU's reach.
Result<std::unique_ptr<Segment>> map_gpu_segment(const Context& context, std::string_view what,
                                                 UniqueFd fd, std::uint64_t bytes);
// Memory of cuMemAlloc's, with no descriptor.
Result<std::unique_ptr<Segment>> create_private_segment(const Context& context,
                                                        std::uint64_t bytes);
// Pins pages that are mapped already.
Result<std::unique_ptr<Pin>> pin_host_memory(const Context& context, std::span<std::byte> memory);

}  // namespace pegaflow::memory::cuda
