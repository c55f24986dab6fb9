// Starts an agent from a topology that does not exist; 0 when the library says so.
#include <pegaflow/agent.h>

#include <cstdio>

int main() {
  pegaflow::AgentConfig config;
  config.topology_path = "/nowhere/topology.json";
  config.node = "p0";
  const auto agent = pegaflow::Agent::start(config);
  if (agent.ok()) return 1;
  std::puts(agent.error().message().c_str());
  return agent.error().code() == pegaflow::Code::kNotFound ? 0 : 1;
}
