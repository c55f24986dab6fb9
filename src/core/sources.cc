#include "core/sources.h"

#include <algorithm>
#include <limits>
#include <string>

#include "core/check_shape.h"
#include "core/plan_compat.h"
#include "core/ranks.h"

namespace pegaflow::core {
namespace {

constexpr std::uint32_t kUnknown = std::numeric_limits<std::uint32_t>::max();

// reads(), with the ranks taken from elsewhere: all ranks of an instance share their groups.
bool reads(const KvShape& source, const Rank& source_rank, const KvShape& sink,
           const Rank& sink_rank) {
  const std::size_t groups = std::min(source.groups.size(), sink.groups.size());
  for (std::size_t i = 0; i < groups; ++i) {
    const KvGroupShape& from = source.groups[i];
    const KvGroupShape& to = sink.groups[i];
    if (!intersect(layers_of(from, source_rank), layers_of(to, sink_rank)).empty() &&
        !served_heads(from, source_rank, sink_rank).empty()) {
      return true;
    }
  }
  return false;
}

// The rank at position `index` of its dp, in (pp, tp) order.
Rank nth_rank(const Rank& any, std::uint32_t index) {
  Rank rank = any;
  rank.pp = index / any.tp_size;
  rank.tp = index % any.tp_size;
  return rank;
}

std::uint32_t ranks_in_dp(const Rank& rank) { return rank.pp_size * rank.tp_size; }

std::string describe(const Rank& rank) {
  return "(dp " + std::to_string(rank.dp) + " of " + std::to_string(rank.dp_size) + ", pp " +
         std::to_string(rank.pp) + " of " + std::to_string(rank.pp_size) + ", tp " +
         std::to_string(rank.tp) + " of " + std::to_string(rank.tp_size) + ")";
}

Error bad(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

// Same dp, same sizes, same stages: all that reads() takes from one source for another.
Status check_siblings(const KvShape& first, const KvShape& other) {
  if (nth_rank(first.rank, 0) != nth_rank(other.rank, 0)) {
    return bad("source ranks " + describe(first.rank) + " and " + describe(other.rank) +
               " are not of one dp of one instance");
  }
  for (std::size_t i = 0; i < first.groups.size(); ++i) {
    if (first.groups[i].stage_bounds != other.groups[i].stage_bounds) {
      return bad("source ranks " + describe(first.rank) + " and " + describe(other.rank) +
                 " differ in groups[" + std::to_string(i) + "].stage_bounds");
    }
  }
  return {};
}

Status check_source(const KvShape& first, const KvShape& source, const KvShape& sink) {
  const Status shape = check_shape(source);
  if (!shape.ok()) return shape.error().within("source shape");
  const Status compatible = check_compatible(source, sink);
  if (!compatible.ok()) return compatible.error().within("source rank " + describe(source.rank));
  return check_siblings(first, source);
}

// Position in the dp → index into `source_ranks`, or kUnknown.
Result<std::vector<std::uint32_t>> index_by_position(std::span<const KvShape> source_ranks,
                                                     const KvShape& sink) {
  std::vector<std::uint32_t> indices;
  for (std::uint32_t i = 0; i < source_ranks.size(); ++i) {
    const KvShape& source = source_ranks[i];
    PEGAFLOW_TRY(check_source(source_ranks.front(), source, sink));
    indices.resize(ranks_in_dp(source.rank), kUnknown);
    std::uint32_t& slot = indices[source.rank.pp * source.rank.tp_size + source.rank.tp];
    if (slot != kUnknown) return bad("source rank " + describe(source.rank) + " is given twice");
    slot = i;
  }
  return indices;
}

}  // namespace

bool reads(const KvShape& source, const KvShape& sink) {
  return reads(source, source.rank, sink, sink.rank);
}

Result<std::vector<std::uint32_t>> select_sources(std::span<const KvShape> source_ranks,
                                                  const KvShape& sink) {
  const Status shape = check_shape(sink);
  if (!shape.ok()) return shape.error().within("sink shape");
  if (source_ranks.empty()) {
    return Error(Code::kUnavailable, "no rank of the source is known yet");
  }
  PEGAFLOW_ASSIGN(const auto indices, index_by_position(source_ranks, sink));
  const KvShape& any = source_ranks.front();
  std::vector<std::uint32_t> selected;
  for (std::uint32_t position = 0; position < indices.size(); ++position) {
    const Rank rank = nth_rank(any.rank, position);
    if (!reads(any, rank, sink, sink.rank)) continue;
    if (indices[position] == kUnknown) {
      return Error(Code::kUnavailable, "source rank " + describe(rank) +
                                           " is needed by sink rank " + describe(sink.rank) +
                                           " and not known yet");
    }
    selected.push_back(indices[position]);
  }
  std::sort(selected.begin(), selected.end());
  return selected;
}

std::uint32_t consumers(const KvShape& source, const KvShape& sink) {
  std::uint32_t readers = 0;
  for (std::uint32_t position = 0; position < ranks_in_dp(sink.rank); ++position) {
    if (reads(source, source.rank, sink, nth_rank(sink.rank, position))) ++readers;
  }
  return readers;
}

std::vector<std::uint32_t> ranks_not_read(std::span<const KvShape> source_ranks,
                                          const KvShape& sink) {
  std::vector<std::uint32_t> unread;
  for (std::uint32_t i = 0; i < source_ranks.size(); ++i) {
    if (consumers(source_ranks[i], sink) == 0) unread.push_back(i);
  }
  return unread;
}

}  // namespace pegaflow::core
