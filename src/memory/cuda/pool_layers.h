// PoolLayers: where the layers of the known pools lie, in a table in device memory that kernels
// read, and what the host needs to know of them to build a launch.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/cuda/launch.h"
#include "memory/cuda/resources.h"
#include "pegaflow/kv_layout.h"

namespace pegaflow::memory::cuda {

// One group of one pool.
struct GroupLayers {
  std::uint32_t first = 0;      // its first layer in the table
  std::uint32_t alignment = 0;  // largest power of two ≤ 16 that all bases and strides are
                                // multiples of; strides that nothing uses don't count
  bool second_first = false;    // some layer has part 1 below part 0
};

LayerAddress layer_address(const KvLayerLayout& layer);
// `first` is where the group's layers start in the table.
GroupLayers describe(const KvLayout& layout, std::uint32_t group, std::uint32_t first);

class PoolLayers {
 public:
  // Room for this many layers in all pools.
  static constexpr std::uint32_t kMaxLayers = 16'384;

  static Result<PoolLayers> create(const Context& context);
  // Uploads; waits for that, but for nothing that the engine runs. `layout` keeps its address.
  // kInvalidArgument: memory that is not this GPU's; kResourceExhausted: no room.
  Status add(const KvLayout& layout);
  // Null: never added.
  const GroupLayers* find(const KvLayout& layout, std::uint32_t group) const;
  CUdeviceptr table() const { return table_.get(); }

 private:
  struct Pool {
    const KvLayout* layout = nullptr;
    std::vector<GroupLayers> groups;
  };
  PoolLayers(const Context& context, Stream stream, DeviceBuffer table, HostBuffer staging)
      : context_(&context),
        stream_(std::move(stream)),
        table_(std::move(table)),
        staging_(std::move(staging)) {}
  Status check_memory(const KvLayout& layout) const;
  Status upload(std::uint32_t first, std::uint32_t count);

  const Context* context_;
  Stream stream_;
  DeviceBuffer table_;
  HostBuffer staging_;
  std::vector<Pool> pools_;
  std::uint32_t used_ = 0;
};

}  // namespace pegaflow::memory::cuda
