// The form of topology.json: JSON → Topology, field by field. Includes the JSON library.
#pragma once

#include "base/json_view.h"
#include "topology/topology.h"

namespace pegaflow::topology {

// The result means something only when `root` collected no faults.
Topology read_topology(const JsonView& root);

}  // namespace pegaflow::topology
