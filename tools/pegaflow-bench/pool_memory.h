// PoolMemory: the bytes of an engine's pool, wherever they lie. The one place that knows kinds of
// memory: another kind is another class here and a case in allocate_pool().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::bench {

class PoolMemory {
 public:
  virtual ~PoolMemory() = default;
  virtual std::uint64_t address() const = 0;
  virtual std::uint64_t bytes() const = 0;
  // REQUIRES at + size ≤ bytes().
  virtual void write(std::uint64_t at, std::span<const std::byte> data) = 0;
  virtual void read(std::uint64_t at, std::span<std::byte> out) const = 0;
};

// Touched already. kResourceExhausted; kUnsupported: a kind of memory that this build has not.
Result<std::unique_ptr<PoolMemory>> allocate_pool(MemoryKind kind, std::uint64_t bytes);

}  // namespace pegaflow::bench
