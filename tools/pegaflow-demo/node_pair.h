// NodePair: a rendezvous service and the agents of two nodes, as processes, with a link between.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "pegaflow-demo/agent_status.h"
#include "pegaflow-demo/interrupt.h"
#include "pegaflow-demo/options.h"
#include "pegaflow-demo/process_group.h"
#include "pegaflow-demo/programs.h"
#include "pegaflow-demo/topology_file.h"
#include "pegaflow/result.h"

namespace pegaflow::demo {

struct NodePairSpec {
  DemoOptions options;
  LinkKind kind = LinkKind::kMapped;
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
  DemoPorts ports_;
};

}  // namespace pegaflow::demo
