// pegaflowctl status: how the agents of a deployment are.
#pragma once

#include "agents.h"
#include "exit_status.h"

namespace pegaflow::ctl {

// kExitUnreachable goes before kExitUnhealthy.
Outcome show_status(const Target& target, bool json);

// What is wrong, one sentence each; empty: healthy.
std::vector<std::string> complaints_about(const AgentState& agent);
int status_of(const Deployment& deployment);

std::string status_json(const Target& target, const Deployment& deployment);
std::string status_text(const Target& target, const Deployment& deployment);

}  // namespace pegaflow::ctl
