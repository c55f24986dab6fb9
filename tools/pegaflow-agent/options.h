// The command line of pegaflow-agent.
#pragma once

#include <chrono>
#include <variant>

#include "pegaflow/agent.h"

namespace pegaflow::tools {

struct AgentOptions {
  AgentConfig agent;
  std::chrono::seconds drain_timeout{120};
};

// What to do, or the status to exit with at once (after --help, --version or a usage error, which
// have been printed).
std::variant<AgentOptions, int> parse_agent_options(int argc, char** argv);

}  // namespace pegaflow::tools
