// NodeAgent: every part of an agent, made in order and wired; its thread runs the loop.
#pragma once

#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/agent_work.h"
#include "agent/copier.h"
#include "agent/link/links.h"
#include "agent/log.h"
#include "agent/loop.h"
#include "agent/session/session_server.h"
#include "agent/start_up.h"
#include "agent/status.h"
#include "agent/transfer/transfer_service.h"
#include "metrics/registry.h"
#include "pegaflow/agent.h"
#include "rendezvous/record.h"
#include "topology/topology.h"
#include "transport/transport.h"

namespace pegaflow::agent {

// Members are destroyed in reverse: what refers to others comes after them.
class NodeAgent final : private CopyEvents, private SessionObserver {
 public:
  // Everything up to the loop.
  static Result<std::unique_ptr<NodeAgent>> create(const AgentConfig& config,
                                                   topology::Topology topology);
  ~NodeAgent() override;

  // Runs the loop on a thread of its own; returns when links are listened for and dialled.
  Status start();
  void stop();                           // any thread; idempotent; returns when the loop has ended
  void drain(Millis deadline);           // any thread
  bool wait(Millis timeout);             // any thread
  AgentEnd end() const { return end_; }  // REQUIRES: wait() said true

  // ---- any thread, before and after the loop
  const Log& log() const { return *log_; }
  const topology::Topology& topology() const { return topology_; }
  const topology::Node& node() const { return *node_; }
  AgentEpoch epoch() const { return epoch_; }
  const std::optional<AgentEpoch>& predecessor() const { return predecessor_; }
  metrics::AgentMetrics& metrics() { return *metrics_; }
  Loop& loop() { return *loop_; }
  // Asks the drivers: takes milliseconds.
  std::vector<GpuStatus> gpu_status() const;

  // ---- the loop thread
  AgentStatus status() const;
  // Empty: ready. Otherwise why not.
  std::string not_ready() const;
  rendezvous::AgentRecord record() const;
  Links& links() { return *links_; }

 private:
  explicit NodeAgent(topology::Topology topology);
  Status take_place(const AgentConfig& config);
  Status make_memory();
  Status make_loop();
  Status make_links();
  void log_configuration() const;
  void run(std::promise<Status> started);
  void begin_drain(Millis deadline);
  void end_with(AgentEnd end);
  void housekeep();
  void on_copied(std::uint64_t token, CopyOutcome outcome, Nanos took) override;
  void pool_added(ClientSession& session, const LocalPool& pool) override;
  void session_closed(ClientSession& session) override;
  void writer_gone(WriterId writer);

  const topology::Topology topology_;
  const topology::Node* node_ = nullptr;
  const SteadyClock clock_;
  const AgentEpoch epoch_;
  std::optional<AgentEpoch> predecessor_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<metrics::AgentMetrics> metrics_;
  std::optional<SeqpacketListener> listener_;  // until the sessions have it

  std::optional<Devices> devices_;
  std::unique_ptr<transport::Context> context_;
  Regions regions_;
  std::vector<memory::Region*> region_list_;
  std::vector<RegionPlace> places_;  // of regions_, in their order
  std::optional<RegisteredRegions> registered_;

  std::unique_ptr<Loop> loop_;
  std::unique_ptr<WriterTable> writers_;
  std::unique_ptr<PoolTable> pools_;
  std::unique_ptr<MemoryCopier> copier_;
  std::unique_ptr<TransferService> transfers_;
  std::vector<std::unique_ptr<Loop::Watch>> bells_;
  std::unique_ptr<SessionServer> sessions_;
  std::unique_ptr<LingeringSockets> lingering_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<AgentWork> work_;
  std::unique_ptr<Timer> housekeeping_;
  std::optional<TimePoint> drain_deadline_;
  bool worn_out_ = false;

  std::mutex stop_mutex_;  // one joins
  std::thread thread_;
  mutable std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;                 // guarded by mutex_
  AgentEnd end_ = AgentEnd::kStopped;  // written on the loop thread before ended_
};

}  // namespace pegaflow::agent
