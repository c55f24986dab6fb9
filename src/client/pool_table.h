// The pools a session can name: its own, with their layouts, and those of peer engines, of which
// only the shape is known. Guarded by the session's lock; addresses stay while an entry lives.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/strong_id.h"
#include "core/copy_runs.h"
#include "memory/device.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"
#include "pegaflow/session.h"

namespace pegaflow::client {

struct LocalPool {
  PoolId id;
  KvLayout layout;  // passed core::check_layout
  // Per group: the group-wide number of this rank's first layer, and how many it has.
  std::vector<std::uint32_t> first_layers, n_layers;
};

// A session's pools lie where its copies run. kInvalidArgument: on another GPU than that;
// kUnsupported: on a GPU at all, when the session is one for host memory.
Status check_memory(const KvLayout& layout, const memory::Device& device);

// Checks the layout against the session and completes it: incarnation, inner orders.
// kInvalidArgument names the field.
Result<KvLayout> complete_layout(KvLayout layout, const Rank& rank, std::uint64_t incarnation);

struct PeerPool {
  PoolId id;
  std::string instance;
  KvShape shape;  // passed core::check_shape
};

class PoolTable {
 public:
  Status add_local(PoolId id, KvLayout layout);
  Status add_peer(PoolId id, std::string instance, KvShape shape);
  void remove_peer(PoolId id) { peers_.erase(id); }
  const LocalPool* local(PoolId id) const;
  const PeerPool* peer(PoolId id) const;
  std::size_t local_count() const { return locals_.size(); }

 private:
  std::map<PoolId, std::unique_ptr<LocalPool>> locals_;
  std::map<PoolId, std::unique_ptr<PeerPool>> peers_;
};

}  // namespace pegaflow::client
