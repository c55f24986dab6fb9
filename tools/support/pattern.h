// Bytes that can be recognised: what stands for KV. Each row (any run of bytes with an identity)
// has a pattern of its own, so that any byte that is missing, stale, misplaced or damaged differs
// from what is expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pegaflow::tools {

// `seed`: well spread bits of the row's identity (mix.h): its first word. Words follow at a fixed
// odd distance.
void fill_row(std::uint64_t seed, std::span<std::byte> row);

// Number of bytes that differ from the pattern.
std::size_t count_wrong_bytes(std::uint64_t seed, std::span<const std::byte> row);
// True iff none differs; much faster.
bool row_matches(std::uint64_t seed, std::span<const std::byte> row);

// Byte `offset` of the row's pattern.
std::byte pattern_byte(std::uint64_t seed, std::size_t offset);

}  // namespace pegaflow::tools
