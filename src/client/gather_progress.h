// GatherProgress: which chunks of a source stream are ready to be gathered, and which one is next.
// Pure; not thread safe.
//
// A chunk is ready when every layer of its cell has the cell's tokens ready and the block table
// covers them. Both are prefixes of the tokens, so that the ready chunks of one layer group (a
// lane) are a prefix of its tiles, and an update costs one comparison per layer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/strong_id.h"
#include "client/block_table.h"
#include "client/ready_map.h"
#include "core/plan.h"

namespace pegaflow::client {

class GatherProgress {
 public:
  // `first_layers`: the group-wide number of this rank's first layer, per group of the shape.
  // `plan` outlives this.
  GatherProgress(const core::StreamPlan& plan, std::span<const std::uint32_t> first_layers);

  // Looks again at what is ready; chunks that became ready get the time `now_ns`. `tables` has
  // one entry per group of the shape. Fewer than `at_least` more chunks are left for a later call,
  // unless they are all that lacked; what was taken back never is. True if ready() changed.
  bool update(const ReadyMap& ready, std::span<const BlockTable> tables, std::uint64_t now_ns,
              std::uint32_t at_least = 1);

  // Chunks that are ready or were taken: what the agent is told.
  std::uint32_t ready() const { return ready_; }
  // The lowest ready chunk that was not taken.
  std::optional<ChunkIndex> next() const;
  void take(ChunkIndex chunk);       // REQUIRES: it is what next() said
  void give_back(ChunkIndex chunk);  // REQUIRES: taken; the copy did not happen
  std::uint64_t ready_ns(ChunkIndex chunk) const { return ready_ns_[chunk.value]; }

 private:
  struct Lane {
    std::uint32_t plan_group = 0;  // index into plan.groups
    std::uint32_t layer_group = 0;
    std::uint32_t layers_begin = 0, layers_end = 0;  // this rank's own
    std::uint32_t ready_tiles = 0;                   // tiles [0, ready_tiles) are ready
    std::uint32_t new_tiles = 0;                     // ready_tiles, as update() finds it
    std::uint32_t next_tile = 0;                     // the first one not taken
    std::uint32_t taken_end = 0;                     // one past the last tile taken
    std::uint32_t taken = 0;
  };
  void add_lanes(std::uint32_t plan_group, std::uint32_t first_layer);
  std::uint32_t ready_tiles(const Lane& lane, const ReadyMap& ready,
                            std::span<const BlockTable> tables) const;
  std::uint32_t untaken_ready(const Lane& lane, std::uint32_t ready_tiles) const;
  std::uint32_t chunk_of(const Lane& lane, std::uint32_t tile) const;
  Lane& lane_of(ChunkIndex chunk);
  std::uint32_t tile_of(const Lane& lane, ChunkIndex chunk) const;

  const core::StreamPlan& plan_;
  std::vector<Lane> lanes_;                // by plan group, then layer group
  std::vector<std::uint32_t> first_lane_;  // of each plan group
  std::vector<bool> taken_;                // per chunk
  std::vector<std::uint64_t> ready_ns_;    // per chunk
  std::uint32_t taken_count_ = 0;
  std::uint32_t ready_ = 0;
};

}  // namespace pegaflow::client
