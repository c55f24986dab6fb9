#include "topology_check.h"

#include "base/json_view.h"
#include "topology/parse.h"

namespace pegaflow::ctl {
namespace {

using nlohmann::json;

std::string as_json(const topology::Report& report) {
  json faults = json::array();
  for (const auto& fault : report.faults) {
    faults.push_back({{"pointer", fault.pointer},
                      {"message", fault.message},
                      {"kind", fault.structural ? "form" : "meaning"}});
  }
  json out = {{"ok", report.faults.empty()},
              {"faults", std::move(faults)},
              {"warnings", json::array()},
              {"hash", nullptr}};
  if (report.topology.has_value()) {
    out["warnings"] = report.topology->warnings;
    out["hash"] = report.topology->hash;
  }
  return json_text(out) + '\n';
}

std::string as_text(const std::string& path, const topology::Report& report) {
  std::string text;
  for (const auto& fault : report.faults) {
    text += "fault: " + fault.pointer + (fault.pointer.empty() ? "" : ": ") + fault.message + '\n';
  }
  if (!report.topology.has_value()) return text;
  for (const auto& warning : report.topology->warnings) text += "warning: " + warning + '\n';
  return text + path + ": fine; " + std::to_string(report.topology->nodes.size()) + " nodes, " +
         std::to_string(report.topology->links.size()) + " links, hash " + report.topology->hash +
         '\n';
}

}  // namespace

Outcome check_topology_file(const std::string& path, bool json) {
  const auto text = topology::read_topology_file(path);
  topology::Report report;
  if (text.ok()) {
    report = topology::examine_topology(*text);
  } else {
    report.faults.push_back({"", text.error().message(), false});
  }
  return {json ? as_json(report) : as_text(path, report),
          report.faults.empty() ? kExitOk : kExitUsage};
}

}  // namespace pegaflow::ctl
