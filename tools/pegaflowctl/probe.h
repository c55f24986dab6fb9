// pegaflowctl probe: measures a link anew.
#pragma once

#include <chrono>
#include <string>

#include "agents.h"
#include "exit_status.h"

namespace pegaflow::ctl {

// Asks agent `to` to measure, then waits up to `patience` for the figures of its link from `from`.
Result<Outcome> probe_link(const Target& target, const std::string& from, const std::string& to,
                           std::chrono::milliseconds patience, bool json);

}  // namespace pegaflow::ctl
