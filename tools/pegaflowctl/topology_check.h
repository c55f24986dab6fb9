// pegaflowctl topology check: what is wrong in a topology file, or works but not well.
#pragma once

#include <string>

#include "exit_status.h"

namespace pegaflow::ctl {

// kExitOk also with warnings; kExitUsage: faults, or the file can't be read.
Outcome check_topology_file(const std::string& path, bool json);

}  // namespace pegaflow::ctl
