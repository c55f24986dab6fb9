// NodePair: a rendezvous service and the agents of two nodes, as processes, with a link between.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "pegaflow/result.h"
#include "support/agent_status.h"
#include "support/interrupt.h"
#include "support/process_group.h"
#include "support/programs.h"
#include "support/topology_file.h"

namespace pegaflow::tools {

struct NodePairSpec {
  PairOptions options;
  Programs programs;
  std::filesystem::path dir;  // exists; topology, sockets and logs go there
};

// Not thread safe. Calls fail when any process of the group ends or the user interrupts.
class NodePair {
 public:
  // All references outlive the pair; its processes join `processes`.
  NodePair(NodePairSpec spec, ProcessGroup& processes, const Interrupt& interrupt);

  // Writes the topology and starts the three processes; returns when they say that they are ready.
  Status start();
  Status wait_for_link();
  Result<LinkState> link_state();  // as D's agent sees it
  // Fails when a process has ended or the user interrupts.
  Status check() const;

 private:
  Status wait_until_ready(const std::string& name, std::uint16_t port);
  Status pause();

  NodePairSpec spec_;
  ProcessGroup& processes_;
  const Interrupt& interrupt_;
  PairPorts ports_;
};

}  // namespace pegaflow::tools
