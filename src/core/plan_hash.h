// plan_hash: the number by which both ends of a stream notice that they computed different plans.
#pragma once

#include <cstdint>

#include "core/plan.h"

namespace pegaflow::core {

// FNV-1a (64 bit) over a version byte and every field of the plan except `hash`, little-endian, in
// the order of docs/formats/wire_order.md. Guards against bugs and version skew, not adversaries.
std::uint64_t plan_hash(const StreamPlan& plan);

}  // namespace pegaflow::core
