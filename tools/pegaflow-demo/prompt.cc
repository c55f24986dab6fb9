#include "pegaflow-demo/prompt.h"

#include <cstring>

#include "base/check.h"
#include "support/mix.h"

namespace pegaflow::demo {
namespace {

Prompt prompt_of(const TraceRow& row, TokenScale scale) {
  Prompt prompt;
  prompt.n_tokens = (row.input_tokens + scale.divisor - 1) / scale.divisor;
  prompt.tile_tokens = kTraceBlockTokens / scale.divisor;
  std::uint64_t content = 0;
  for (const auto id : row.prefix_ids) {
    content = tools::mix(content, id);
    prompt.tiles.push_back(content);
  }
  return prompt;
}

}  // namespace

ContentHash Prompt::hash() const {
  const std::array<std::uint64_t, 2> words = {
      tools::mix(tiles.back(), n_tokens),
      tools::mix(tools::mix(tiles.back(), n_tokens), tile_tokens)};
  ContentHash hash{};
  std::memcpy(hash.data(), words.data(), hash.size());
  return hash;
}

std::vector<std::uint64_t> Prompt::block_keys(std::uint32_t block_tokens) const {
  std::vector<std::uint64_t> keys;
  for (std::uint32_t end = block_tokens; end <= n_tokens; end += block_tokens) {
    keys.push_back(tools::mix(content_at(end - 1), end));
  }
  return keys;
}

std::vector<Arrival> arrivals_of(std::span<const TraceRow> rows, TokenScale scale,
                                 double time_scale) {
  PEGAFLOW_CHECK(scale.divisor > 0 && kTraceBlockTokens % scale.divisor == 0);
  std::vector<Arrival> arrivals;
  for (const auto& row : rows) {
    const std::chrono::duration<double, std::milli> offset(
        static_cast<double>(row.arrival_ms - rows.front().arrival_ms) * time_scale);
    arrivals.push_back(
        {std::chrono::duration_cast<std::chrono::nanoseconds>(offset), prompt_of(row, scale)});
  }
  return arrivals;
}

}  // namespace pegaflow::demo
