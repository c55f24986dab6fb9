// RowId: which row of which prompt; names the bytes that stand for its KV (support/pattern.h).
#pragma once

#include <cstdint>

#include "support/mix.h"

namespace pegaflow::demo {

// The bytes of one head of one token in one part of one layer.
struct RowId {
  std::uint64_t content = 0;  // Prompt::content_at(token)
  std::uint32_t layer = 0;    // numbers over the whole model
  std::uint32_t token = 0;    // in the prompt
  std::uint32_t head = 0;     // KV head of the whole model
  std::uint32_t part = 0;
};

// 64 well spread bits of it.
constexpr std::uint64_t row_seed(const RowId& row) {
  const auto place = (std::uint64_t{row.layer} << 32) | row.token;
  const auto tensor = (std::uint64_t{row.head} << 32) | row.part;
  return tools::mix(tools::mix(row.content, place), tensor);
}

}  // namespace pegaflow::demo
