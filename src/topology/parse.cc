#include "topology/parse.h"

#include <fstream>

#include "base/hex.h"
#include "base/json_view.h"
#include "base/unique_fd.h"
#include "topology/check_meaning.h"
#include "topology/read_fields.h"
#include "topology/sha256.h"

namespace pegaflow::topology {

Report examine_topology(std::string_view json) {
  Report report;
  const auto document = parse_json(json);
  if (!document.ok()) {
    report.faults.push_back({"", document.error().message(), true});
    return report;
  }
  JsonFaults form;
  Topology topology = read_topology(JsonView(*document, form));
  for (const auto& [pointer, message] : form.all()) {
    report.faults.push_back({pointer, message, true});
  }
  if (form.empty()) report.faults = check_meaning(topology);
  if (!report.faults.empty()) return report;
  topology.hash = to_hex(sha256(json_text(*document)));
  topology.warnings = warnings_of(topology);
  report.topology = std::move(topology);
  return report;
}

Result<Topology> parse_topology(std::string_view json) {
  Report report = examine_topology(json);
  if (report.topology.has_value()) return std::move(*report.topology);
  const Fault& first = report.faults.front();
  std::string message =
      first.pointer.empty() ? first.message : first.pointer + ": " + first.message;
  if (report.faults.size() > 1) {
    message += " (and " + std::to_string(report.faults.size() - 1) + " more faults)";
  }
  return Error(Code::kInvalidArgument, std::move(message));
}

Result<std::string> read_topology_file(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::exists(path, failed)) {
    return Error(Code::kNotFound, path.string() + ": no such file");
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  if (!file) return system_error(path.string());
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return system_error(path.string());
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) {
    return Error(Code::kInvalidArgument,
                 path.string() + ": expected at most " + std::to_string(kMaxFileBytes) + " bytes");
  }
  return text;
}

Result<Topology> load_topology(const std::filesystem::path& path) {
  PEGAFLOW_ASSIGN(const std::string text, read_topology_file(path));
  auto topology = parse_topology(text);
  if (!topology.ok()) return topology.error().within(path.string());
  return topology;
}

Result<std::string> canonical_json(std::string_view json) {
  PEGAFLOW_ASSIGN(const auto document, parse_json(json));
  return json_text(document);
}

}  // namespace pegaflow::topology
