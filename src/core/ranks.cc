#include "core/ranks.h"

namespace pegaflow::core {
namespace {

std::uint32_t narrow(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

// Which of the ranks that hold the same head `rank` is.
std::uint32_t replica_index(const KvGroupShape& group, const Rank& rank) {
  return rank.tp % head_replicas(group, rank);
}

// The source replica that serves `sink`, of `replicas`; see served_heads.
std::uint32_t serving_replica(const KvGroupShape& group, std::uint32_t replicas, const Rank& sink) {
  const std::uint64_t readers = head_replicas(group, sink);
  const std::uint64_t first = std::uint64_t{replica_index(group, sink)} * replicas / readers;
  const std::uint64_t owned = std::max<std::uint64_t>(1, replicas / readers);
  const std::uint64_t turn = std::uint64_t{sink.dp} * sink.pp_size + sink.pp;
  return narrow(first + turn % owned);
}

}  // namespace

LayerRange layers_of(const KvGroupShape& group, const Rank& rank) {
  return {group.stage_bounds[rank.pp], group.stage_bounds[rank.pp + 1]};
}

HeadRange heads_of(const KvGroupShape& group, const Rank& rank) {
  const std::uint64_t heads = group.heads_total;
  const auto first = narrow(rank.tp * heads / rank.tp_size);
  if (rank.tp_size > heads) return {first, first + 1};
  return {first, narrow((rank.tp + 1) * heads / rank.tp_size)};
}

std::uint32_t head_replicas(const KvGroupShape& group, const Rank& rank) {
  return std::max(1U, rank.tp_size / group.heads_total);
}

HeadRange served_heads(const KvGroupShape& group, const Rank& source, const Rank& sink) {
  const HeadRange common = intersect(heads_of(group, source), heads_of(group, sink));
  const std::uint32_t replicas = head_replicas(group, source);
  if (replicas == 1 || common.empty()) return common;
  const bool serves = replica_index(group, source) == serving_replica(group, replicas, sink);
  return serves ? common : HeadRange{};
}

}  // namespace pegaflow::core
