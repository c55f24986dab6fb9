// Cluster: everything one run needs, as processes of this machine: two linked nodes and all engine
// ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pegaflow-demo/messages.h"
#include "pegaflow-demo/model.h"
#include "pegaflow-demo/options.h"
#include "pegaflow/result.h"
#include "support/channel.h"
#include "support/interrupt.h"
#include "support/node_pair.h"
#include "support/process_group.h"

namespace pegaflow::demo {

struct ClusterSpec {
  tools::NodePairSpec nodes;
  DemoOptions options;
  Model model;
  std::uint32_t producer_blocks = 0, consumer_blocks = 0;  // per rank
};

// Not thread safe. start() and wait() fail when a process ends or the user interrupts.
class Cluster {
 public:
  // `interrupt` outlives the cluster.
  Cluster(ClusterSpec spec, const tools::Interrupt& interrupt);
  ~Cluster() { stop(); }

  // Returns when all are up and the link is.
  Status start();
  Status send(EngineRole role, const Command& command);  // to all ranks of a side
  // Reports that have come, waiting up to `timeout` for the first. May return none.
  Result<std::vector<Report>> wait(Nanos timeout);
  Result<tools::LinkState> link_state() { return nodes_.link_state(); }
  std::uint64_t memory_bytes() const { return tools::memory_bytes(processes_); }
  void stop();  // orderly; idempotent

  const tools::ProcessGroup& processes() const { return processes_; }

 private:
  struct EngineEnd {
    std::string name;
    EngineRole role;
    tools::Channel channel;
  };

  Status start_engine(EngineRole role, std::uint32_t tp);
  EngineSetup setup_of(EngineRole role, std::uint32_t tp) const;
  Status wait_for_engines();
  Error with_dead_process(const Error& error) const;
  Status take_reports(EngineEnd& engine, std::vector<Report>& reports);

  ClusterSpec spec_;
  const tools::Interrupt& interrupt_;
  tools::ProcessGroup processes_;
  tools::NodePair nodes_;
  std::vector<EngineEnd> engines_;
};

}  // namespace pegaflow::demo
