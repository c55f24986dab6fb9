// The bytes that stand for KV: a function of content, layer, token, head and part, so that any
// byte that is missing, stale, misplaced or damaged differs from what is expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pegaflow::demo {

// Identifies one row: the bytes of one head of one token in one part of one layer.
struct RowId {
  std::uint64_t content = 0;  // Prompt::content_at(token)
  std::uint32_t layer = 0;    // numbers over the whole model
  std::uint32_t token = 0;    // in the prompt
  std::uint32_t head = 0;     // KV head of the whole model
  std::uint32_t part = 0;
};

// 64 well spread bits of it: the row's first word. Words follow at a fixed odd distance.
std::uint64_t row_seed(const RowId& row);

void fill_row(std::uint64_t seed, std::span<std::byte> row);

// Number of bytes that differ from the pattern.
std::size_t count_wrong_bytes(std::uint64_t seed, std::span<const std::byte> row);
// True iff none differs; much faster.
bool row_matches(std::uint64_t seed, std::span<const std::byte> row);

// Byte `offset` of the row's pattern.
std::byte pattern_byte(std::uint64_t seed, std::size_t offset);

}  // namespace pegaflow::demo
