#include "pegaflow-demo/trace.h"

#include <string>

#include "base/json_view.h"
#include "support/text_file.h"

namespace pegaflow::demo {
namespace {

constexpr std::uint32_t kMaxTokens = 1u << 24;
constexpr std::uint64_t kMaxArrivalMs = std::uint64_t{366} * 24 * 3600 * 1000;
constexpr std::size_t kMaxTraceBytes = std::size_t{256} << 20;

void read_prefix_ids(const JsonView& view, TraceRow& row) {
  const std::size_t blocks = (row.input_tokens + kTraceBlockTokens - 1) / kTraceBlockTokens;
  for (const auto& id : view.array(blocks, blocks)) {
    row.prefix_ids.push_back(id.integer(0, UINT64_MAX));
  }
}

Result<TraceRow> parse_row(std::string_view line, std::uint64_t previous_ms) {
  PEGAFLOW_ASSIGN(const auto document, parse_json(line));
  JsonFaults faults;
  const JsonView view(document, faults);
  TraceRow row;
  if (view.object({"timestamp", "input_length", "output_length", "hash_ids"})) {
    row.arrival_ms = view["timestamp"].integer(previous_ms, kMaxArrivalMs);
    row.input_tokens = view["input_length"].number<std::uint32_t>(1, kMaxTokens);
    row.output_tokens = view["output_length"].number<std::uint32_t>(0, kMaxTokens);
    if (faults.empty()) read_prefix_ids(view["hash_ids"], row);
  }
  PEGAFLOW_TRY(faults.status(Code::kProtocol));
  return row;
}

}  // namespace

Result<std::vector<TraceRow>> parse_trace(std::string_view text, std::size_t max_rows) {
  std::vector<TraceRow> rows;
  std::size_t number = 0;
  while (!text.empty() && rows.size() < max_rows) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    auto row = parse_row(line, rows.empty() ? 0 : rows.back().arrival_ms);
    if (!row.ok()) return row.error().within("line " + std::to_string(number));
    rows.push_back(std::move(*row));
  }
  if (rows.empty()) return Error(Code::kProtocol, "expected at least one row, got none");
  return rows;
}

Result<std::vector<TraceRow>> load_trace(const std::filesystem::path& path, std::size_t max_rows) {
  PEGAFLOW_ASSIGN(const auto text, tools::read_text_file(path, kMaxTraceBytes));
  auto rows = parse_trace(text, max_rows);
  if (!rows.ok()) return rows.error().within(path.string());
  return rows;
}

}  // namespace pegaflow::demo
