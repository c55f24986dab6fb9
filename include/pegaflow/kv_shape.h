// KvShape: what of a pool travels between nodes. No addresses, no strides (those are KvLayout's).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "pegaflow/key.h"

namespace pegaflow {

// Position of one engine process inside its instance. All ranks are 0-based; sizes are ≥ 1.
struct Rank {
  std::uint32_t dp = 0, dp_size = 1;
  std::uint32_t pp = 0, pp_size = 1;
  std::uint32_t tp = 0, tp_size = 1;
  bool operator==(const Rank&) const = default;
};

// One KV group: layers that share a block table. Layers are numbered within the group, over all
// pipeline stages of the instance, so both sides of a transfer number them alike.
// src/core/check_shape.h has the limits of every field.
struct KvGroupShape {
  // Layer boundaries of the pipeline stages: stage s holds [stage_bounds[s], stage_bounds[s+1]).
  // pp_size + 1 entries, none below its predecessor (a stage may hold none of the group's
  // layers), first 0, last the number of layers of the group.
  std::vector<std::uint32_t> stage_bounds;
  // KV heads of the whole model; 1 for MLA. Ranks hold them by the usual rule: tp_size ≤ heads:
  // rank r has heads [r·H/n, (r+1)·H/n), H divisible by n; tp_size > heads: rank r has the one
  // head r·H/n, each head replicated n/H times, n divisible by H.
  std::uint32_t heads_total = 0;
  std::uint32_t parts = 0;                    // 2: K and V; 1: one tensor (MLA, or K‖V as one)
  std::array<std::uint32_t, 2> part_bytes{};  // bytes of one head of one token in each part
  std::uint32_t element_bytes = 0;            // 1, 2 or 4; layouts may move whole elements only
  std::uint32_t block_tokens = 0;             // tokens per block of this rank's block table
  std::uint32_t window = 0;                   // sliding window in tokens; 0: full attention
  // How the bytes of one block of one layer lie, if they are one contiguous run: a digest of their
  // order (core::inner_order), the same at two ranks iff their blocks may be copied whole. 0: not
  // contiguous, or not told. KvShape carries no strides; this is all that a peer learns of them.
  std::uint64_t inner_order = 0;
  // Opaque blocks: their interior is known to the engine alone, so they are copied whole. parts,
  // part_bytes, element_bytes and inner_order are 0 then; the heads still say which ranks hold
  // the same blocks.
  std::uint64_t opaque_block_bytes = 0;          // bytes per block and layer; 0: not opaque
  std::array<std::uint8_t, 16> opaque_digest{};  // both sides must agree; zero when not opaque

  bool opaque() const { return opaque_block_bytes != 0; }
  bool operator==(const KvGroupShape&) const = default;
};

// A pool as other nodes see it. Value type.
struct KvShape {
  Rank rank;
  std::vector<KvGroupShape> groups;  // 1 … kMaxGroups
  Fingerprint fingerprint{};
  std::uint64_t incarnation = 0;  // random per connected engine process
  std::string gpu_uuid;           // empty: host memory

  static constexpr std::uint32_t kMaxGroups = 16;
  bool operator==(const KvShape&) const = default;
};

}  // namespace pegaflow
