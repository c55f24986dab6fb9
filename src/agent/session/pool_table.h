// PoolTable: the numbers of pools in this agent's epoch, and which local pools there are.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/strong_id.h"
#include "pegaflow/kv_shape.h"
#include "pegaflow/result.h"

namespace pegaflow::agent {

// All calls on the loop thread.
class PoolTable {
 public:
  explicit PoolTable(std::uint32_t max_pools) : max_pools_(max_pools) {}

  // A number never given before in this epoch, for a local or a peer's pool.
  PoolId next_id() { return PoolId{++last_}; }
  // Takes a local pool in. kAlreadyExists: another pool of this instance has the same rank and
  // fingerprint; kResourceExhausted: the topology's limit; kInvalidArgument: an impossible shape.
  Result<PoolId> add(const std::string& instance, const KvShape& shape);
  void remove(PoolId pool) { pools_.erase(pool); }
  bool contains(PoolId pool) const { return pools_.contains(pool); }
  std::size_t size() const { return pools_.size(); }

 private:
  struct Known {
    std::string instance;
    Rank rank;
    Fingerprint fingerprint;
  };
  std::uint32_t max_pools_;
  std::uint32_t last_ = 0;
  std::map<PoolId, Known> pools_;
};

// The number that two agents compare to see that they hold the same shape: FNV-1a of its JSON.
std::uint64_t shape_hash(const KvShape& shape);

// 1 … 64 bytes of printable ASCII without blanks: it travels in URLs, labels and log lines.
Status check_instance_name(const std::string& instance);

}  // namespace pegaflow::agent
