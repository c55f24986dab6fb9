#include "agent/link/peer_pools.h"

#include <algorithm>
#include <string>
#include <utility>

#include "agent/session/pool_table.h"
#include "core/check_shape.h"

namespace pegaflow::agent {

Status PeerPools::check(const wire::LinkPool& message) const {
  if (message.pool <= newest_) {
    return Error(Code::kProtocol, "LINK_POOL: number " + std::to_string(message.pool.value) +
                                      " does not follow " + std::to_string(newest_.value));
  }
  if (pools_.size() >= kMaxPools) {
    return Error(Code::kResourceExhausted,
                 "the peer has told of " + std::to_string(kMaxPools) + " pools already");
  }
  PEGAFLOW_TRY(check_instance_name(message.instance));
  return core::check_shape(message.shape);
}

const PeerPool& PeerPools::add(const wire::LinkPool& message, PoolId visible, WriterId writer) {
  newest_ = message.pool;
  return pools_.emplace_back(PeerPool{message.pool, visible, message.instance, message.shape,
                                      shape_hash(message.shape), writer});
}

const PeerPool* PeerPools::find(PoolId id) const {
  const auto found = std::find_if(pools_.begin(), pools_.end(),
                                  [id](const PeerPool& pool) { return pool.id == id; });
  return found == pools_.end() ? nullptr : &*found;
}

std::optional<PeerPool> PeerPools::remove(PoolId id) {
  const PeerPool* found = find(id);
  if (found == nullptr) return std::nullopt;
  PeerPool pool = *found;
  pools_.erase(pools_.begin() + (found - pools_.data()));
  return pool;
}

}  // namespace pegaflow::agent
