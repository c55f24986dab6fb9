// Which source ranks a sink rank reads from, and how many sink ranks read a source rank.
// Both follow from served_heads and the stage bounds, so all parties agree without messages.
// A sink reads one dp of a source; its own dp only picks among replicas. Pure; thread safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pegaflow/kv_shape.h"
#include "pegaflow/result.h"

namespace pegaflow::core {

// Does this sink rank read this source rank? Then it opens a stream to it even if its token ranges
// leave nothing to move. REQUIRES check_shape of both and check_compatible.
bool reads(const KvShape& source, const KvShape& sink);

// The indices into `source_ranks`, ascending, of the ranks that `sink` must read: every (layer,
// head) of the sink is in the plan of exactly one of them. `source_ranks` are known ranks of one
// dp of one instance, in any order. kUnavailable names a rank that is needed but not among them;
// kInvalidArgument: they are not ranks of one dp of one instance, or cannot serve this sink.
Result<std::vector<std::uint32_t>> select_sources(std::span<const KvShape> source_ranks,
                                                  const KvShape& sink);

// In how many streams `source` is read by one receive of the sink's instance: the number of (pp,
// tp) ranks of sink.rank's dp that read it. `sink` may be any rank of that dp.
// REQUIRES as reads.
std::uint32_t consumers(const KvShape& source, const KvShape& sink);

// Indices into `source_ranks` of those that nobody of the sink's dp reads (consumers = 0): they
// get RELEASE. REQUIRES as reads, for each.
std::vector<std::uint32_t> ranks_not_read(std::span<const KvShape> source_ranks,
                                          const KvShape& sink);

}  // namespace pegaflow::core
