// PoolMemory: the bytes of an engine's pool, wherever they lie, behind a view that the host can
// write and read. The one place that knows kinds of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::bench {

class PoolMemory {
 public:
  virtual ~PoolMemory() = default;
  virtual std::uint64_t address() const = 0;
  virtual std::uint64_t bytes() const = 0;
  // What the session that moves these bytes names; empty: host memory.
  virtual std::string gpu() const = 0;

  // The host's view. On a GPU it is a copy: flush() makes the pool what the view is, fetch() the
  // view what the pool is; on the host they are the same memory. Not while a transfer runs.
  virtual std::span<std::byte> view() = 0;
  virtual Status flush() = 0;
  virtual Status fetch() = 0;
};

// Touched already. `gpu`: for kCuda, which one (ordinal or UUID). kResourceExhausted; kNotFound,
// kUnsupported: no such GPU for this process, or none for this build.
Result<std::unique_ptr<PoolMemory>> allocate_pool(MemoryKind kind, std::uint64_t bytes,
                                                  const std::string& gpu);

}  // namespace pegaflow::bench
