#include "memory/cuda/pool_layers.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/check.h"
#include "core/ranks.h"

namespace pegaflow::memory::cuda {
namespace {

constexpr std::uint64_t kWidest = 16;

// All numbers that addresses are made of, or-ed: the lowest bit set is their common alignment.
std::uint64_t bits_of(const KvGroupShape& shape, const Rank& rank, const KvLayerLayout& layer) {
  std::uint64_t bits = kWidest | layer.part_base[0] | layer.block_stride;
  if (shape.opaque()) return bits | shape.opaque_block_bytes;
  bits |= shape.part_bytes[0];
  if (shape.parts == 2) bits |= layer.part_base[1] | shape.part_bytes[1];
  if (shape.block_tokens > 1) bits |= layer.token_stride;
  if (core::heads_of(shape, rank).size() > 1) bits |= layer.head_stride;
  return bits;
}

}  // namespace

LayerAddress layer_address(const KvLayerLayout& layer) {
  return {{layer.part_base[0], layer.part_base[1]},
          layer.block_stride,
          layer.token_stride,
          layer.head_stride};
}

GroupLayers describe(const KvLayout& layout, std::uint32_t group, std::uint32_t first) {
  const KvGroupShape& shape = layout.shape.groups[group];
  GroupLayers layers{first, 0, false};
  std::uint64_t bits = kWidest;
  for (const KvLayerLayout& layer : layout.groups[group].layers) {
    bits |= bits_of(shape, layout.shape.rank, layer);
    layers.second_first |= shape.parts == 2 && layer.part_base[1] < layer.part_base[0];
  }
  layers.alignment = static_cast<std::uint32_t>(bits & (~bits + 1));
  return layers;
}

Result<PoolLayers> PoolLayers::create(const Context& context) {
  constexpr std::size_t kBytes = kMaxLayers * sizeof(LayerAddress);
  PEGAFLOW_ASSIGN(Stream stream, make_stream(context));
  PEGAFLOW_ASSIGN(DeviceBuffer table, allocate_device(context, kBytes, stream.get()));
  PEGAFLOW_ASSIGN(HostBuffer staging, allocate_host(context, kBytes));
  return PoolLayers(context, std::move(stream), std::move(table), std::move(staging));
}

Status PoolLayers::add(const KvLayout& layout) {
  PEGAFLOW_CHECK(find(layout, 0) == nullptr);  // known by its address
  PEGAFLOW_TRY(check_memory(layout));
  std::size_t layers = 0;
  for (const KvGroupLayout& group : layout.groups) layers += group.layers.size();
  if (layers > kMaxLayers - used_) {
    return Error(Code::kResourceExhausted, "pool: " + std::to_string(layers) +
                                               " layers, but all pools of a session have " +
                                               std::to_string(kMaxLayers) + " at most and " +
                                               std::to_string(used_) + " are taken");
  }
  Pool pool{&layout, {}};
  const std::uint32_t first = used_;
  for (std::uint32_t i = 0; i < layout.groups.size(); ++i) {
    pool.groups.push_back(describe(layout, i, used_));
    for (const KvLayerLayout& layer : layout.groups[i].layers) {
      const LayerAddress address = layer_address(layer);
      std::memcpy(staging_.get() + sizeof(LayerAddress) * used_++, &address, sizeof address);
    }
  }
  PEGAFLOW_TRY(upload(first, used_ - first));
  pools_.push_back(std::move(pool));
  return {};
}

Status PoolLayers::check_memory(const KvLayout& layout) const {
  if (layout.memory != MemoryKind::kCuda) {
    return Error(Code::kUnsupported, "pool: this session copies memory of " + context_->uuid() +
                                         ", the pool is host memory");
  }
  const ContextUse use(*context_);
  for (const MemoryRange& range : layout.allocations) {
    int ordinal = -1;
    const Status known =
        context_->check(context_->api().cuPointerGetAttribute(
                            &ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, range.address),
                        "find out whose memory " + std::to_string(range.address) + " is");
    CUdevice device = -1;
    if (known.ok() && ordinal >= 0) context_->api().cuDeviceGet(&device, ordinal);
    if (!known.ok() || device != context_->device()) {
      return Error(Code::kInvalidArgument,
                   "pool: allocations has address " + std::to_string(range.address) +
                       (known.ok() ? ", which is memory of GPU " + std::to_string(ordinal)
                                   : ", which is no GPU memory of this process") +
                       ", expected memory of " + context_->uuid());
    }
  }
  return {};
}

Status PoolLayers::upload(std::uint32_t first, std::uint32_t count) {
  const ContextUse use(*context_);
  const std::size_t at = sizeof(LayerAddress) * first;
  PEGAFLOW_TRY(context_->check(
      context_->api().cuMemcpyHtoDAsync(table_.get() + at, staging_.get() + at,
                                        sizeof(LayerAddress) * count, stream_.get()),
      "upload a pool's layers"));
  return context_->check(context_->api().cuStreamSynchronize(stream_.get()),
                         "upload a pool's layers");
}

const GroupLayers* PoolLayers::find(const KvLayout& layout, std::uint32_t group) const {
  const auto found = std::find_if(pools_.begin(), pools_.end(),
                                  [&](const Pool& pool) { return pool.layout == &layout; });
  return found == pools_.end() ? nullptr : &found->groups[group];
}

}  // namespace pegaflow::memory::cuda
