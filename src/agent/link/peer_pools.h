// PeerPools: the pools that the peer of one link incarnation has told of.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/ports.h"
#include "pegaflow/result.h"
#include "wire/setup.h"

namespace pegaflow::agent {

class PeerPools {
 public:
  static constexpr std::size_t kMaxPools = 4096;

  // kProtocol: a number that does not grow, an impossible shape or name; kResourceExhausted.
  Status check(const wire::LinkPool& message) const;
  // REQUIRES: check() passed. The reference holds until the next change.
  const PeerPool& add(const wire::LinkPool& message, PoolId visible, WriterId writer);
  // The pool, taken out; nothing: never told of.
  std::optional<PeerPool> remove(PoolId id);
  const PeerPool* find(PoolId id) const;
  // The peer has told of this pool, or of a younger one: there is nothing to wait for.
  bool settled(PoolId id) const { return id <= newest_; }
  std::span<const PeerPool> all() const { return pools_; }

 private:
  std::vector<PeerPool> pools_;
  PoolId newest_;
};

}  // namespace pegaflow::agent
