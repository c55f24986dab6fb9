#include "client/pool_table.h"

#include <utility>

#include "client/limits.h"
#include "core/check_shape.h"
#include "core/inner_order.h"
#include "core/ranks.h"

namespace pegaflow::client {
namespace {

std::string text(const Rank& rank) {
  return "dp " + std::to_string(rank.dp) + "/" + std::to_string(rank.dp_size) + ", pp " +
         std::to_string(rank.pp) + "/" + std::to_string(rank.pp_size) + ", tp " +
         std::to_string(rank.tp) + "/" + std::to_string(rank.tp_size);
}

}  // namespace

Status check_memory(const KvLayout& layout, const memory::Device& device) {
  const bool on_gpu = layout.memory == MemoryKind::kCuda;
  const bool same_gpu = layout.shape.gpu_uuid.empty() || layout.shape.gpu_uuid == device.gpu_uuid();
  if (layout.memory == device.memory() && same_gpu) return {};
  if (on_gpu && device.memory() == MemoryKind::kHost) {
    return Error{Code::kUnsupported, "pool: it lies on GPU " + layout.shape.gpu_uuid +
                                         ", the session is for host memory; name the GPU when the "
                                         "session is made (SessionConfig::gpu)"};
  }
  return Error{Code::kInvalidArgument,
               "pool: it lies " +
                   (on_gpu ? "on GPU " + layout.shape.gpu_uuid : std::string("in host memory")) +
                   ", the session's pools lie on GPU " + device.gpu_uuid()};
}

Result<KvLayout> complete_layout(KvLayout layout, const Rank& rank, std::uint64_t incarnation) {
  if (layout.shape.rank != rank) {
    return Error{Code::kInvalidArgument, "pool: shape.rank is (" + text(layout.shape.rank) +
                                             "), the session's is (" + text(rank) + ")"};
  }
  layout.shape.incarnation = incarnation;
  PEGAFLOW_TRY(core::check_layout(layout));
  for (std::size_t i = 0; i < layout.groups.size(); ++i) {
    KvGroupShape& group = layout.shape.groups[i];
    group.inner_order = core::inner_order(group, layout.groups[i], rank);
  }
  return layout;
}

Status PoolTable::add_local(PoolId id, KvLayout layout) {
  if (locals_.size() >= kMaxPools) {
    return Error{Code::kResourceExhausted, std::to_string(kMaxPools) + " pools exist already"};
  }
  if (locals_.contains(id)) {
    return Error{Code::kProtocol, "the agent gave pool id " + std::to_string(id.value) + " twice"};
  }
  auto pool = std::make_unique<LocalPool>();
  pool->id = id;
  for (const KvGroupShape& group : layout.shape.groups) {
    const core::LayerRange layers = core::layers_of(group, layout.shape.rank);
    pool->first_layers.push_back(layers.begin);
    pool->n_layers.push_back(layers.size());
  }
  pool->layout = std::move(layout);
  locals_.emplace(id, std::move(pool));
  return {};
}

Status PoolTable::add_peer(PoolId id, std::string instance, KvShape shape) {
  PEGAFLOW_TRY(core::check_shape(shape));
  if (peers_.size() >= kMaxPeerPools) {
    return Error{Code::kProtocol, "more than " + std::to_string(kMaxPeerPools) + " peer pools"};
  }
  auto pool = std::make_unique<PeerPool>();
  *pool = {id, std::move(instance), std::move(shape)};
  peers_.insert_or_assign(id, std::move(pool));
  return {};
}

const LocalPool* PoolTable::local(PoolId id) const {
  const auto found = locals_.find(id);
  return found == locals_.end() ? nullptr : found->second.get();
}

const PeerPool* PoolTable::peer(PoolId id) const {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : found->second.get();
}

}  // namespace pegaflow::client
