#include "pegaflow/agent.h"

#include <utility>

#include "agent/http_api.h"
#include "agent/node_agent.h"
#include "agent/registration.h"
#include "topology/parse.h"

namespace pegaflow {

class Agent::Impl {
 public:
  explicit Impl(std::unique_ptr<agent::NodeAgent> node)
      : node_(std::move(node)), registration_(*node_) {}
  ~Impl() { stop(); }

  Status start() {
    PEGAFLOW_TRY(node_->start());
    PEGAFLOW_TRY(registration_.start());
    http_.emplace(*node_, registration_.registrar());
    return http_->start();
  }
  void stop() {
    if (http_) http_->stop();
    registration_.stop();
    node_->stop();
  }
  agent::NodeAgent& node() { return *node_; }

 private:
  std::unique_ptr<agent::NodeAgent> node_;
  agent::Registration registration_;
  std::optional<agent::HttpApi> http_;
};

Agent::Agent(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::start(const AgentConfig& config) {
  PEGAFLOW_ASSIGN(topology::Topology topology, topology::load_topology(config.topology_path));
  PEGAFLOW_ASSIGN(auto node, agent::NodeAgent::create(config, std::move(topology)));
  auto impl = std::make_unique<Impl>(std::move(node));
  PEGAFLOW_TRY(impl->start());
  return std::unique_ptr<Agent>(new Agent(std::move(impl)));
}

void Agent::drain(std::chrono::milliseconds deadline) { impl_->node().drain(deadline); }
void Agent::stop() { impl_->stop(); }
bool Agent::wait(std::chrono::milliseconds timeout) { return impl_->node().wait(timeout); }
AgentEnd Agent::end() const { return impl_->node().end(); }

bool Agent::responsive(std::chrono::milliseconds timeout) {
  return impl_->node().loop().ask<bool>([] { return true; }, timeout).ok();
}

bool Agent::ready(std::chrono::milliseconds timeout) {
  agent::NodeAgent* node = &impl_->node();
  const auto why = node->loop().ask<std::string>([node] { return node->not_ready(); }, timeout);
  return why.ok() && why->empty();
}

}  // namespace pegaflow
