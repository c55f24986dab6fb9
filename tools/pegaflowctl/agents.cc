#include "agents.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "http/client.h"
#include "rendezvous/client.h"
#include "topology/parse.h"

namespace pegaflow::ctl {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kCallsAtOnce = 16;

}  // namespace

std::string Target::rendezvous_url() const {
  return topology::HttpUrl{rendezvous_host, rendezvous_port}.text();
}

Result<Target> find_target(const std::string& topology_path, const std::string& rendezvous_url) {
  Target target;
  if (topology_path.empty() && rendezvous_url.empty()) {
    return Error(Code::kInvalidArgument, "expected --topology FILE or --rendezvous URL");
  }
  if (!topology_path.empty()) {
    PEGAFLOW_ASSIGN(target.topology, topology::load_topology(topology_path));
    target.rendezvous_host = target.topology->rendezvous.host;
    target.rendezvous_port = target.topology->rendezvous.port;
  }
  if (!rendezvous_url.empty()) {
    PEGAFLOW_ASSIGN(const http::Url url, http::parse_url(rendezvous_url));
    target.rendezvous_host = url.host;
    target.rendezvous_port = url.port;
  }
  return target;
}

Deployment find_agents(const Target& target) {
  Deployment deployment;
  std::map<std::string, AgentState> agents;
  if (target.topology.has_value()) {
    for (const auto& node : target.topology->nodes) {
      agents[node.name] = {node.name, node.http.text(), false, std::nullopt};
    }
  }
  rendezvous::Client client(target.rendezvous_host, target.rendezvous_port);
  const auto listing = client.list(std::nullopt, milliseconds(0), target.deadline);
  if (listing.ok()) {
    for (const auto& entry : listing->entries) {
      if (entry.record == nullptr) continue;
      agents[entry.name] = {entry.name, entry.record->http, true, std::nullopt};
    }
  } else {
    deployment.rendezvous = listing.error();
  }
  for (auto& [name, agent] : agents) deployment.agents.push_back(std::move(agent));
  return deployment;
}

Result<AgentAnswer> ask_agent(const std::string& http_address, milliseconds deadline) {
  PEGAFLOW_ASSIGN(const http::Url url, http::parse_url("http://" + http_address));
  http::Client client({url.host, url.port});
  PEGAFLOW_ASSIGN(http::Response response, client.get("/v1/status", deadline));
  if (response.status != 200) return http::error_of(response);
  auto document = read_agent_document(response.body);
  if (!document.ok()) return document.error().within(http_address + "/v1/status");
  return AgentAnswer{std::move(response.body), std::move(document).value()};
}

void ask_all(Deployment& deployment, milliseconds deadline) {
  auto& agents = deployment.agents;
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> askers;
  for (std::size_t i = 0; i < std::min(kCallsAtOnce, agents.size()); ++i) {
    askers.emplace_back([&] {
      for (std::size_t n = next++; n < agents.size(); n = next++) {
        agents[n].answer = ask_agent(agents[n].http, deadline);
      }
    });
  }
}

}  // namespace pegaflow::ctl
