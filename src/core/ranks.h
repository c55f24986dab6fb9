// Which layers and heads a rank holds, and which of them one rank serves to another.
// Everything that depends on tensor or pipeline parallelism asks here. Pure; thread safe.
// REQUIRES throughout: shapes that passed check_shape, and ranks within their sizes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pegaflow/kv_shape.h"

namespace pegaflow::core {

// Half-open range of layers, numbered in the whole group (over all pipeline stages).
struct LayerRange {
  std::uint32_t begin = 0, end = 0;
  std::uint32_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
  bool operator==(const LayerRange&) const = default;
};

// Half-open range of KV heads, numbered in the whole model.
struct HeadRange {
  std::uint32_t begin = 0, end = 0;
  std::uint32_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
  bool operator==(const HeadRange&) const = default;
};

// The common part; the empty range {0, 0} when there is none.
template <typename Range>
Range intersect(const Range& a, const Range& b) {
  const Range common{std::max(a.begin, b.begin), std::min(a.end, b.end)};
  return common.begin < common.end ? common : Range{};
}

LayerRange layers_of(const KvGroupShape& group, const Rank& rank);
HeadRange heads_of(const KvGroupShape& group, const Rank& rank);

// How many ranks of `rank`'s tensor group hold each head: 1 unless tp_size > heads_total.
std::uint32_t head_replicas(const KvGroupShape& group, const Rank& rank);

// The heads that `sink` reads from `source` in this group. Where several source ranks hold a head,
// exactly one serves it to a given sink rank: with R replicas at the source and Q at the sink,
// sink replica j owns the source replicas [j·R/Q, (j+1)·R/Q) and reads from one of them, picked by
// its dp and pp rank. Equal tp sizes thus pair rank with rank, and many small sinks spread over
// all replicas. So, over all source ranks of one dp and pp, the ranges of one sink rank are
// disjoint and cover its heads.
HeadRange served_heads(const KvGroupShape& group, const Rank& source, const Rank& sink);

}  // namespace pegaflow::core
