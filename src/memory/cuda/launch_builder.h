// Turns jobs into what a launch is told. Pure arithmetic on the host.
#pragma once

#include <cstdint>
#include <span>

#include "memory/cuda/launch.h"
#include "memory/cuda/pool_layers.h"
#include "memory/mover.h"

namespace pegaflow::memory::cuda {

// A job's slot, and how wide its units are.
struct BuiltSlot {
  LaunchSlot slot;
  std::uint32_t unit_bytes = 0;
  // The ids to be put where the kernel finds them; slot.ids is still to be set.
  std::span<const std::uint32_t> ids;
};

// REQUIRES what MoveJob requires. Leaves ids and result to the caller.
BuiltSlot build_slot(const MoveJob& job, const GroupLayers& layers);

// Block ids of the plan's largest chunk.
std::uint64_t most_ids(const core::StreamPlan& plan, const KvShape& shape);

// How a launch's slots are cut for `ctas` CTAs: short enough that all have work, long enough that
// the end of a stripe costs little. In units.
std::uint32_t stripe_units(std::uint64_t bytes, std::uint32_t unit_bytes, std::uint32_t ctas);

}  // namespace pegaflow::memory::cuda
