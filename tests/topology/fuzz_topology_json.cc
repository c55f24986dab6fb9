// Topology files. What is accepted has a hash, and the same one again in canonical form.
#include <string_view>

#include "base/check.h"
#include "topology/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pegaflow;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto report = topology::examine_topology(text);
  PEGAFLOW_CHECK(report.topology.has_value() == report.faults.empty());
  if (!report.topology.has_value()) return 0;
  for (const auto& link : report.topology->links) (void)report.topology->is_mapped(link);
  const auto canonical = topology::canonical_json(text);
  PEGAFLOW_CHECK(canonical.ok());
  const auto again = topology::parse_topology(*canonical);
  PEGAFLOW_CHECK(again.ok() && again->hash == report.topology->hash);
  return 0;
}
