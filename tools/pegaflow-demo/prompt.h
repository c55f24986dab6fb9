// Prompts: trace rows scaled down to what a small machine can hold, with the identity of their
// content, so that equal prefixes have equal KV.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "pegaflow-demo/trace.h"
#include "pegaflow/key.h"
#include "pegaflow/result.h"

namespace pegaflow::demo {

struct Prompt {
  std::uint32_t n_tokens = 0;
  std::uint32_t tile_tokens = 0;  // tokens per entry of `tiles`; the last may be short
  // What tokens [0, end of the tile) are: equal iff all content up to there is equal.
  std::vector<std::uint64_t> tiles;

  std::uint64_t content_at(std::uint32_t token) const { return tiles[token / tile_tokens]; }
  ContentHash hash() const;
  // One key per *full* block of `block_tokens`; equal keys: equal content up to the block's end.
  std::vector<std::uint64_t> block_keys(std::uint32_t block_tokens) const;
  bool operator==(const Prompt&) const = default;
};

struct Arrival {
  std::chrono::nanoseconds at{};  // since the run's start
  Prompt prompt;
};

// 1 / divisor of the tokens, and of the tokens per prefix block.
struct TokenScale {
  std::uint32_t divisor = 1;  // divides kTraceBlockTokens
};

// Arrival times are multiplied by `time_scale` and count from the first row's.
std::vector<Arrival> arrivals_of(std::span<const TraceRow> rows, TokenScale scale,
                                 double time_scale);

}  // namespace pegaflow::demo
