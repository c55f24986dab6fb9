// Which agents a deployment has, where they answer, and what they say.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent_document.h"
#include "pegaflow/result.h"
#include "topology/topology.h"

namespace pegaflow::ctl {

// Where to look: a topology (then the rendezvous is the one it names), a rendezvous, or both (then
// the rendezvous given counts).
struct Target {
  std::optional<topology::Topology> topology;
  std::string rendezvous_host;
  std::uint16_t rendezvous_port = 0;
  std::chrono::milliseconds deadline{3'000};  // per call

  std::string rendezvous_url() const;
};

// `topology_path`, `rendezvous_url`: empty when not given. kInvalidArgument: neither, or faulty.
Result<Target> find_target(const std::string& topology_path, const std::string& rendezvous_url);

// What an agent answered, as it was and as it was understood.
struct AgentAnswer {
  std::string text;
  AgentDocument document;
};

struct AgentState {
  std::string name;
  std::string http;  // "ip:port"
  bool registered = false;
  std::optional<Result<AgentAnswer>> answer;  // set by ask_all
};

struct Deployment {
  std::optional<Error> rendezvous;  // why it couldn't be asked
  std::vector<AgentState> agents;   // of topology and rendezvous together, by name
};

Deployment find_agents(const Target& target);
// GET /v1/status of each, several at once.
void ask_all(Deployment& deployment, std::chrono::milliseconds deadline);
Result<AgentAnswer> ask_agent(const std::string& http, std::chrono::milliseconds deadline);

}  // namespace pegaflow::ctl
