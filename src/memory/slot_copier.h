// SlotCopier: copies whole slots of one region to slots of another, as an agent does for engines
// that do not see each other's GPU. By memcpy on the host, by copy engine on a GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "pegaflow/result.h"

namespace pegaflow::memory {

struct SlotCopy {
  std::uint64_t cookie = 0;  // given back in the result
  std::span<std::byte> to;
  std::span<const std::byte> from;  // as long as `to` at most
};

struct SlotCopied {
  std::uint64_t cookie = 0;
  bool ok = false;  // false: the GPU's context is lost
};

// All calls on one thread, which Device::attach_thread() prepared.
class SlotCopier {
 public:
  virtual ~SlotCopier() = default;
  // How many copies may be unreported at once.
  virtual std::size_t limit() const = 0;
  // How many start() takes at most. What is started together ends together; on a GPU it ends sooner
  // than one by one.
  virtual std::size_t batch() const = 0;
  // Starts (on the host: makes) copies between memory that this device created or mapped. The bytes
  // are in place for every reader when poll() has reported the copy, not before.
  virtual void start(std::span<const SlotCopy> copies) = 0;
  // Copies that have ended, oldest first; returns how many were written to `out`.
  virtual std::size_t poll(std::span<SlotCopied> out) = 0;
};

}  // namespace pegaflow::memory
