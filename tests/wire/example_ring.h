// One example of every ring message; docs/formats/ring.md shows their payloads.
#pragma once

#include <vector>

#include "wire/ring.h"

namespace pegaflow::wire {

// Each in the order of the variant's alternatives, all of them.
std::vector<ClientMessage> example_client_messages();
std::vector<AgentMessage> example_agent_messages();

}  // namespace pegaflow::wire
