// Area: a run of memory at one end of a link, in the host's memory or a GPU's, and how a test reads
// and writes there.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "pegaflow/kv_layout.h"

namespace pegaflow::transport::testing {

class Area {
 public:
  virtual ~Area() = default;
  // What a transport is given. A GPU's memory: not for the host to read or write.
  virtual std::span<std::byte> bytes() const = 0;
  virtual MemoryKind memory() const = 0;
  // All is in place when these return. The range lies within bytes().
  virtual void write(std::size_t offset, std::span<const std::byte> from) = 0;
  virtual void read(std::size_t offset, std::span<std::byte> to) const = 0;
};

using MakeArea = std::function<std::unique_ptr<Area>(std::size_t bytes)>;
std::unique_ptr<Area> make_host_area(std::size_t bytes);

}  // namespace pegaflow::transport::testing
