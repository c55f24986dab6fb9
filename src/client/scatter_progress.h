// ScatterProgress: which chunks of a sink stream were handed out and which are in place. Pure;
// not thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/strong_id.h"
#include "core/plan.h"

namespace pegaflow::client {

class ScatterProgress {
 public:
  // `plan` outlives this.
  explicit ScatterProgress(const core::StreamPlan& plan);

  // Notes that the chunk was handed out. False: it was before. REQUIRES chunk < n_chunks.
  bool accept(ChunkIndex chunk);
  // The chunk was handed out and will not be placed. REQUIRES: accepted, not yet placed.
  void give_back(ChunkIndex chunk) {
    accepted_[chunk.value] = false;
    --accepted_count_;
  }
  // It is in the blocks and verified. REQUIRES: accepted, not yet placed.
  void placed(ChunkIndex chunk);
  bool complete() const { return placed_count_ == plan_.n_chunks; }
  std::uint32_t accepted_count() const { return accepted_count_; }
  std::uint32_t placed_count() const { return placed_count_; }
  std::uint64_t placed_bytes() const { return placed_bytes_; }
  // The first token of `group` (index in the shape) that this stream should bring and that is not
  // in place in all of its layers; none: all are (or the stream brings nothing of the group).
  std::optional<std::uint32_t> first_missing_token(std::uint32_t group) const;

 private:
  const core::StreamPlan& plan_;
  std::vector<bool> accepted_, placed_;  // per chunk
  std::uint32_t accepted_count_ = 0;
  std::uint32_t placed_count_ = 0;
  std::uint64_t placed_bytes_ = 0;
};

}  // namespace pegaflow::client
