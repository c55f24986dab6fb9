// inner_order: what a peer learns of a pool's strides.
#pragma once

#include <cstdint>

#include "pegaflow/kv_layout.h"

namespace pegaflow::core {

// The value of KvGroupShape::inner_order: 0 unless, in every layer of this rank, each block (all of
// the rank's heads, parts and tokens) is one contiguous run in one and the same order; then a
// digest of that order, equal for two ranks with the same heads per rank iff a block's bytes mean
// the same at both. 0 for opaque groups. REQUIRES that the group passed check_layout, except for
// its inner_order.
std::uint64_t inner_order(const KvGroupShape& shape, const KvGroupLayout& layout, const Rank& rank);

}  // namespace pegaflow::core
