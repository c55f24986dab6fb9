// Side: the I/O half of one agent, with a Recorder above it, run turn by turn by the test's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/copier.h"
#include "agent/link/links.h"
#include "agent/loop.h"
#include "agent/session/session_server.h"
#include "memory/region.h"
#include "support/null_probe.h"
#include "support/recorder.h"
#include "topology/topology.h"
#include "transport/transport.h"

namespace pegaflow::agent {

struct SideConfig {
  topology::Topology topology;
  std::string node;
  transport::Context* context = nullptr;  // outlives the side; not needed without links
  AgentEpoch epoch{1};
  std::string boot_id = "boot";
  SessionLimits sessions{};
  LinkLimits links{};
};

class Side final : private LoopWork, private SessionObserver {
 public:
  explicit Side(SideConfig config);
  ~Side() override;

  // Listens for clients, and starts the links if it has a context.
  void start();
  void turn(Nanos longest) { loop_->turn(*this, longest); }

  Recorder upper;
  NullProbe probe;
  bool busy = false;  // what sessions hear when they ask whether a client has streams
  Nanos gap{0};       // sum of those told

  Loop& loop() { return *loop_; }
  SessionServer& sessions() { return *sessions_; }
  Links& links() { return *links_; }
  Link& link() { return *links_->all().at(0); }
  WriterTable& writers() { return *writers_; }
  memory::Region& region() { return *regions_.at(0); }
  const topology::Node& node() const { return *config_.topology.node(config_.node); }

 private:
  bool poll() override;
  bool expecting() const override { return links_ && links_->expecting(); }
  bool in_traffic() const override { return links_ && links_->in_traffic(); }
  bool ready_to_sleep() override;
  void awake() override { sessions_->awake(); }
  TimePoint next_deadline() const override { return TimePoint::max(); }
  void on_time(TimePoint) override {}
  void on_gap(Nanos length) override { gap += length; }
  void pool_added(ClientSession& session, const LocalPool& pool) override;
  void session_closed(ClientSession& session) override;
  void writer_gone(WriterId writer);

  SideConfig config_;
  SteadyClock clock_;
  Log log_;
  std::vector<std::unique_ptr<memory::Region>> regions_;
  std::vector<memory::Region*> region_list_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<WriterTable> writers_;
  std::unique_ptr<PoolTable> pools_;
  std::unique_ptr<memory::Device> device_ = memory::make_host_device();
  std::unique_ptr<MemoryCopier> copier_;
  std::unique_ptr<SessionServer> sessions_;
  std::optional<RegisteredRegions> registered_;
  std::unique_ptr<LingeringSockets> lingering_;
  std::unique_ptr<Links> links_;
};

// Runs the sides' loops in turns until `condition` holds; false: not within `deadline`.
bool run_until(const std::vector<Side*>& sides, const std::function<bool()>& condition,
               std::chrono::seconds deadline = std::chrono::seconds(20));

// A directory for sockets, removed at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Nodes "p" and "d" on one host, one region of 8 slots of 64 KiB each, one link p → d.
topology::Topology two_nodes(const TempDir& dir, topology::LinkPath path);
std::uint16_t free_port();

}  // namespace pegaflow::agent
