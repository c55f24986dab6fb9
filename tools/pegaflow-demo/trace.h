// Request traces: arrival times, lengths and shared prefixes of real traffic, one JSON object a
// line (config/traces/README.md has the format).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "pegaflow/result.h"

namespace pegaflow::demo {

inline constexpr std::uint32_t kTraceBlockTokens = 512;  // prompt tokens per prefix id

struct TraceRow {
  std::uint64_t arrival_ms = 0;  // since the trace's start; rows are in order of it
  std::uint32_t input_tokens = 0;
  std::uint32_t output_tokens = 0;
  // One per started block of kTraceBlockTokens; equal ids: equal content up to there.
  std::vector<std::uint64_t> prefix_ids;
};

// The first `max_rows` rows. kProtocol: "line 3: /hash_ids: expected …, got …"; an empty trace is
// an error.
Result<std::vector<TraceRow>> parse_trace(std::string_view text, std::size_t max_rows);
// As parse_trace, with the path in front of the message; kNotFound, kSystem for the file.
Result<std::vector<TraceRow>> load_trace(const std::filesystem::path& path, std::size_t max_rows);

}  // namespace pegaflow::demo
