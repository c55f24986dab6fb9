// Links: all links of this agent, and where it is dialled.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "agent/link/environment.h"
#include "agent/link/link.h"
#include "agent/link/link_listener.h"
#include "metrics/probes.h"
#include "topology/topology.h"

namespace pegaflow::agent {

// Path of the Unix socket on which an agent is dialled for mapped links.
std::string link_socket_path(const topology::Node& node);

// All calls on the loop thread.
class Links final : public SessionObserver {
 public:
  // One link for each that the topology allows `node`. Everything outlives the links.
  // kInvalidArgument: an address in the topology that cannot be dialled.
  static Result<std::unique_ptr<Links>> create(LinkEnvironment environment,
                                               const topology::Topology& topology,
                                               const topology::Node& node,
                                               metrics::AgentProbe& probe);

  // Listens where other agents dial, then dials those that this one receives from.
  Status start();
  // Takes all links down, for good: the peers hear `why`.
  void stop(const Error& why);

  // Part of the loop's work: see LoopWork.
  bool poll();
  bool expecting() const;
  bool in_traffic() const;
  bool ready_to_sleep();

  void pool_added(ClientSession& session, const LocalPool& pool) override;
  void session_closed(ClientSession& session) override;
  void writer_gone(WriterId writer);
  // The rendezvous knows of this agent: dial it now, if it is one to dial.
  void peer_lives(std::string_view name, AgentEpoch epoch);

  void send_to_all(const wire::ControlMessage& message);
  void measure_all();
  std::vector<LinkStatus> status() const;
  const std::vector<std::unique_ptr<Link>>& all() const { return links_; }

 private:
  Links(LinkEnvironment environment, const topology::Node& node);
  void on_link(FrameSocket socket, const wire::Link& link);

  LinkEnvironment environment_;
  const topology::Node& node_;
  std::vector<std::unique_ptr<Link>> links_;
  LinkListener listener_;
  bool stopped_ = false;
};

}  // namespace pegaflow::agent
