// topology.json → Topology. Every check is written by hand; a message starts with the JSON
// pointer of what is wrong, then what was expected and what was found.
#pragma once

#include <filesystem>
#include <string_view>

#include "topology/topology.h"

namespace pegaflow::topology {

inline constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;

// kInvalidArgument: "/nodes/1/regions/0/slot_bytes: expected …, got …" (the first fault found).
Result<Topology> parse_topology(std::string_view json);
// As parse_topology, with the path in front of the message; kNotFound, kSystem for the file.
Result<Topology> load_topology(const std::filesystem::path& path);
// The canonical form whose digest is Topology::hash: keys sorted, no spaces. Same errors as
// parse_topology for what isn't JSON; structure isn't checked.
Result<std::string> canonical_json(std::string_view json);

}  // namespace pegaflow::topology
