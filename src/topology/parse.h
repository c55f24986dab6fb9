// topology.json → Topology. Every check is written by hand; a message starts with the JSON
// pointer of what is wrong, then what was expected and what was found.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topology/topology.h"

namespace pegaflow::topology {

inline constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;

struct Fault {
  std::string pointer;
  std::string message;
  // The document's form (what the JSON Schema says, too), not what its values mean together.
  bool structural = false;
};

// All that is wrong, up to a limit. Meaning is looked at only when the form is right.
struct Report {
  std::optional<Topology> topology;  // set exactly when there are no faults
  std::vector<Fault> faults;
};

Report examine_topology(std::string_view json);

// kInvalidArgument: "/nodes/1/regions/0/slot_bytes: expected …, got …"; the first fault, and how
// many there are.
Result<Topology> parse_topology(std::string_view json);
// As parse_topology, with the path in front of the message; kNotFound, kSystem for the file.
Result<Topology> load_topology(const std::filesystem::path& path);
// The bytes of a topology file, at most kMaxFileBytes.
Result<std::string> read_topology_file(const std::filesystem::path& path);
// The form whose digest is Topology::hash: keys sorted, no spaces. kProtocol: not JSON.
Result<std::string> canonical_json(std::string_view json);

}  // namespace pegaflow::topology
