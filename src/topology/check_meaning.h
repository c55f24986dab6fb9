// What topology.json's values mean together: references, uniqueness, sizes that must fit.
#pragma once

#include <string>
#include <vector>

#include "topology/parse.h"

namespace pegaflow::topology {

// Faults of a well-formed topology.
std::vector<Fault> check_meaning(const Topology& topology);
// What works, but not well. REQUIRES: check_meaning found nothing.
std::vector<std::string> warnings_of(const Topology& topology);

}  // namespace pegaflow::topology
