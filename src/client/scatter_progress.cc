#include "client/scatter_progress.h"

#include <algorithm>

#include "base/check.h"

namespace pegaflow::client {

ScatterProgress::ScatterProgress(const core::StreamPlan& plan)
    : plan_(plan), accepted_(plan.n_chunks), placed_(plan.n_chunks) {}

bool ScatterProgress::accept(ChunkIndex chunk) {
  if (accepted_[chunk.value]) return false;
  accepted_[chunk.value] = true;
  ++accepted_count_;
  return true;
}

void ScatterProgress::placed(ChunkIndex chunk) {
  PEGAFLOW_CHECK(accepted_[chunk.value] && !placed_[chunk.value]);
  placed_[chunk.value] = true;
  ++placed_count_;
  placed_bytes_ += core::cell(plan_, chunk).bytes;
}

std::optional<std::uint32_t> ScatterProgress::first_missing_token(std::uint32_t group) const {
  const auto found = std::find_if(plan_.groups.begin(), plan_.groups.end(),
                                  [group](const core::GroupPlan& g) { return g.group == group; });
  if (found == plan_.groups.end()) return std::nullopt;
  // Chunks are numbered tile by tile, so the first one missing has the first token missing.
  const auto chunks = static_cast<std::uint32_t>(found->grid.n_chunks());
  for (std::uint32_t i = 0; i < chunks; ++i) {
    if (!placed_[found->first_chunk + i]) {
      return core::tile_range(found->grid, found->tokens, i / found->grid.n_layer_groups).begin;
    }
  }
  return std::nullopt;
}

}  // namespace pegaflow::client
