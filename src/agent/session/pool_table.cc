#include "agent/session/pool_table.h"

#include <algorithm>

#include "core/check_shape.h"
#include "wire/control.h"
#include "wire/kv_shape_json.h"

namespace pegaflow::agent {
namespace {

std::string rank_text(const Rank& rank) {
  const auto part = [](std::uint32_t at, std::uint32_t of) {
    return std::to_string(at) + "/" + std::to_string(of);
  };
  return "dp " + part(rank.dp, rank.dp_size) + ", pp " + part(rank.pp, rank.pp_size) + ", tp " +
         part(rank.tp, rank.tp_size);
}

}  // namespace

Result<PoolId> PoolTable::add(const std::string& instance, const KvShape& shape) {
  PEGAFLOW_TRY(core::check_shape(shape));
  if (pools_.size() >= max_pools_) {
    return Error(Code::kResourceExhausted,
                 "the topology's limit max_pools (" + std::to_string(max_pools_) + ") is reached");
  }
  const auto same = [&](const auto& entry) {
    const Known& known = entry.second;
    return known.instance == instance && known.rank == shape.rank &&
           known.fingerprint == shape.fingerprint;
  };
  if (std::any_of(pools_.begin(), pools_.end(), same)) {
    return Error(Code::kAlreadyExists, "instance " + instance + " has a pool of rank (" +
                                           rank_text(shape.rank) + ") of this model already");
  }
  const PoolId id = next_id();
  pools_.emplace(id, Known{instance, shape.rank, shape.fingerprint});
  return id;
}

std::uint64_t shape_hash(const KvShape& shape) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : shape_to_json(shape)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return hash;
}

Status check_instance_name(const std::string& instance) {
  const bool clean =
      std::all_of(instance.begin(), instance.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!instance.empty() && instance.size() <= wire::kMaxInstanceBytes && clean) return {};
  return Error(Code::kInvalidArgument,
               "instance name: expected 1 … " + std::to_string(wire::kMaxInstanceBytes) +
                   " printable ASCII characters without blanks, got " +
                   std::to_string(instance.size()) + " bytes" + (clean ? "" : " with others"));
}

}  // namespace pegaflow::agent
