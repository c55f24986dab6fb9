// Cluster: everything one run needs, as processes of this machine: the rendezvous service, both
// agents and all engine ranks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pegaflow-demo/agent_status.h"
#include "pegaflow-demo/channel.h"
#include "pegaflow-demo/interrupt.h"
#include "pegaflow-demo/messages.h"
#include "pegaflow-demo/model.h"
#include "pegaflow-demo/options.h"
#include "pegaflow-demo/process_group.h"
#include "pegaflow-demo/programs.h"
#include "pegaflow-demo/topology_file.h"
#include "pegaflow/result.h"

namespace pegaflow::demo {

struct ClusterSpec {
  DemoOptions options;
  LinkKind kind = LinkKind::kMapped;
  Model model;
  Programs programs;
  std::filesystem::path dir;  // exists; topology, sockets and logs go there
  std::uint32_t producer_blocks = 0, consumer_blocks = 0;  // per rank
};

// Not thread safe. start() and wait() fail when a process ends or the user interrupts.
class Cluster {
 public:
  // `interrupt` outlives the cluster.
  Cluster(ClusterSpec spec, const Interrupt& interrupt);
  ~Cluster() { stop(); }

  // Returns when all are up and the link is.
  Status start();
  Status send(EngineRole role, const Command& command);  // to all ranks of a side
  // Reports that have come, waiting up to `timeout` for the first. May return none.
  Result<std::vector<Report>> wait(Nanos timeout);
  Result<LinkState> link_state();
  std::uint64_t memory_bytes() const { return demo::memory_bytes(processes_); }
  void stop();  // orderly; idempotent

  const ProcessGroup& processes() const { return processes_; }

 private:
  struct EngineEnd {
    std::string name;
    EngineRole role;
    Channel channel;
  };

  Status start_agents();
  Status start_engine(EngineRole role, std::uint32_t tp);
  EngineSetup setup_of(EngineRole role, std::uint32_t tp) const;
  Status wait_for_engines();
  Status wait_until_ready(const std::string& name, std::uint16_t port);
  Status wait_for_link();
  Status pause();
  Status check_processes();
  Status take_reports(EngineEnd& engine, std::vector<Report>& reports);

  ClusterSpec spec_;
  const Interrupt& interrupt_;
  DemoPorts ports_;
  ProcessGroup processes_;
  std::vector<EngineEnd> engines_;
};

}  // namespace pegaflow::demo
