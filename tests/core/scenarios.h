// Random transfers between two instances, for property tests: any model form, layouts, block sizes,
// ranks and token ranges that may be combined.
#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <iosfwd>
#include <vector>

#include "core/layout_builder.h"
#include "core/plan.h"
#include "pegaflow/kv_shape.h"

namespace pegaflow::core::testing {

// One instance. Groups as this instance has them: its stage bounds and block tokens filled in.
struct Instance {
  Rank rank;  // dp and all sizes; pp and tp are 0
  std::vector<KvGroupShape> groups;
  std::vector<GroupStyle> styles;  // enough blocks for `kSequence` tokens and some to spare
};

// Sequences are at most this long.
inline constexpr std::uint32_t kSequence = 40;

struct Scenario {
  Instance source, sink;
  std::vector<TokenRange> tokens;  // per group
  std::uint64_t chunk_bytes = 0;   // at least the largest unit
  std::uint32_t seed = 0;          // for whatever else is random
};

// The shape of rank (pp, tp); inner_order as its styles give it.
KvShape shape_of(const Instance& instance, std::uint32_t pp, std::uint32_t tp);
// All (pp, tp) ranks.
std::vector<KvShape> shapes_of(const Instance& instance);

// In a third of them the sink has the ranks, block sizes and block styles of the source, and
// mostly whole-block ranges, so that both wire orders occur.
rc::Gen<Scenario> scenarios();

void showValue(const Scenario& scenario, std::ostream& out);

}  // namespace pegaflow::core::testing

namespace rc {
template <>
struct Arbitrary<pegaflow::core::testing::Scenario> {
  static Gen<pegaflow::core::testing::Scenario> arbitrary() {
    return pegaflow::core::testing::scenarios();
  }
};
}  // namespace rc
