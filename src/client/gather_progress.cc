#include "client/gather_progress.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"

namespace pegaflow::client {

GatherProgress::GatherProgress(const core::StreamPlan& plan,
                               std::span<const std::uint32_t> first_layers)
    : plan_(plan), taken_(plan.n_chunks), ready_ns_(plan.n_chunks) {
  for (std::uint32_t i = 0; i < plan.groups.size(); ++i) {
    first_lane_.push_back(static_cast<std::uint32_t>(lanes_.size()));
    add_lanes(i, first_layers[plan.groups[i].group]);
  }
}

void GatherProgress::add_lanes(std::uint32_t plan_group, std::uint32_t first_layer) {
  const core::GroupPlan& group = plan_.groups[plan_group];
  for (std::uint32_t i = 0; i < group.grid.n_layer_groups; ++i) {
    Lane lane;
    lane.plan_group = plan_group;
    lane.layer_group = i;
    lane.layers_begin = group.layers.begin - first_layer + i * group.grid.layers_per_chunk;
    lane.layers_end =
        std::min(lane.layers_begin + group.grid.layers_per_chunk, group.layers.end - first_layer);
    lanes_.push_back(lane);
  }
}

std::uint32_t GatherProgress::ready_tiles(const Lane& lane, const ReadyMap& ready,
                                          std::span<const BlockTable> tables) const {
  const core::GroupPlan& group = plan_.groups[lane.plan_group];
  const BlockTable& table = tables[group.group];
  if (table.covered_begin() > group.tokens.begin) return 0;
  const std::uint64_t end = std::min<std::uint64_t>(
      ready.ready_end(group.group, lane.layers_begin, lane.layers_end), table.covered_end());
  // Opaque ranges are rounded up to whole blocks, beyond the sequence's last token.
  if (end >= std::min(group.tokens.end, ready.n_tokens())) return group.grid.n_tiles;
  if (end <= group.tokens.begin) return 0;
  return static_cast<std::uint32_t>((end - group.grid.origin) / group.grid.tile_tokens);
}

std::uint32_t GatherProgress::untaken_ready(const Lane& lane, std::uint32_t ready_tiles) const {
  if (ready_tiles >= lane.taken_end) return ready_tiles - lane.taken;
  std::uint32_t count = 0;  // rewound below what was taken: rare
  for (std::uint32_t tile = lane.next_tile; tile < ready_tiles; ++tile) {
    if (!taken_[chunk_of(lane, tile)]) ++count;
  }
  return count;
}

bool GatherProgress::update(const ReadyMap& ready, std::span<const BlockTable> tables,
                            std::uint64_t now_ns, std::uint32_t at_least) {
  std::uint32_t total = taken_count_;
  bool rewound = false;
  for (Lane& lane : lanes_) {
    lane.new_tiles = ready_tiles(lane, ready, tables);
    rewound = rewound || lane.new_tiles < lane.ready_tiles;
    total += untaken_ready(lane, lane.new_tiles);
  }
  const bool few = total > ready_ && total - ready_ < at_least && total < plan_.n_chunks;
  if (few && !rewound) return false;
  for (Lane& lane : lanes_) {
    for (std::uint32_t tile = lane.ready_tiles; tile < lane.new_tiles; ++tile) {
      ready_ns_[chunk_of(lane, tile)] = now_ns;
    }
    lane.ready_tiles = lane.new_tiles;
  }
  return std::exchange(ready_, total) != total;
}

std::optional<ChunkIndex> GatherProgress::next() const {
  std::uint32_t lowest = std::numeric_limits<std::uint32_t>::max();
  for (const Lane& lane : lanes_) {
    if (lane.next_tile < lane.ready_tiles)
      lowest = std::min(lowest, chunk_of(lane, lane.next_tile));
  }
  if (lowest == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return ChunkIndex{lowest};
}

void GatherProgress::take(ChunkIndex chunk) {
  Lane& lane = lane_of(chunk);
  PEGAFLOW_CHECK(tile_of(lane, chunk) == lane.next_tile);
  taken_[chunk.value] = true;
  ++taken_count_;
  ++lane.taken;
  lane.taken_end = std::max(lane.taken_end, lane.next_tile + 1);
  while (lane.next_tile < lane.taken_end && taken_[chunk_of(lane, lane.next_tile)]) {
    ++lane.next_tile;
  }
}

void GatherProgress::give_back(ChunkIndex chunk) {
  PEGAFLOW_CHECK(taken_[chunk.value]);
  Lane& lane = lane_of(chunk);
  taken_[chunk.value] = false;
  --taken_count_;
  --lane.taken;
  lane.next_tile = std::min(lane.next_tile, tile_of(lane, chunk));
}

std::uint32_t GatherProgress::chunk_of(const Lane& lane, std::uint32_t tile) const {
  const core::GroupPlan& group = plan_.groups[lane.plan_group];
  return group.first_chunk + tile * group.grid.n_layer_groups + lane.layer_group;
}

std::uint32_t GatherProgress::tile_of(const Lane& lane, ChunkIndex chunk) const {
  const core::GroupPlan& group = plan_.groups[lane.plan_group];
  return (chunk.value - group.first_chunk) / group.grid.n_layer_groups;
}

GatherProgress::Lane& GatherProgress::lane_of(ChunkIndex chunk) {
  const std::uint32_t index = core::cell(plan_, chunk).group_index;
  const core::GroupPlan& group = plan_.groups[index];
  return lanes_[first_lane_[index] + (chunk.value - group.first_chunk) % group.grid.n_layer_groups];
}

}  // namespace pegaflow::client
