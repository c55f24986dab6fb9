// Segment: one contiguous run of a region's memory with the descriptor that shares it.
#pragma once

#include <cstddef>
#include <span>

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow::memory {

class Segment {
 public:
  virtual ~Segment() = default;
  // GPU memory: device addresses, for kernels and copy engines; the host cannot read there.
  virtual std::span<std::byte> bytes() const = 0;
  virtual int fd() const = 0;
  // The memory as a dma-buf, as a NIC registers it. kUnsupported: host memory, or a device that
  // cannot.
  virtual Result<UniqueFd> export_dmabuf() const = 0;
};

}  // namespace pegaflow::memory
