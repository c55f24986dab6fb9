#include "probe.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "base/json_view.h"
#include "http/client.h"
#include "table.h"

namespace pegaflow::ctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookAgain{50};

Result<AgentState> find_agent(const Target& target, const std::string& name) {
  const Deployment deployment = find_agents(target);
  const auto found = std::find_if(deployment.agents.begin(), deployment.agents.end(),
                                  [&](const AgentState& agent) { return agent.name == name; });
  if (found != deployment.agents.end()) return *found;
  if (deployment.rendezvous.has_value()) return *deployment.rendezvous;
  return Error(Code::kNotFound, "no agent is named \"" + name + '"');
}

Result<LinkDocument> link_from(const std::string& from, const AgentState& to,
                               milliseconds deadline) {
  PEGAFLOW_ASSIGN(const AgentAnswer answer, ask_agent(to.http, deadline));
  for (const auto& link : answer.document.links) {
    if (link.direction == "from" && link.peer == from) return link;
  }
  return Error(Code::kNotFound, '"' + to.name + "\" has no link from \"" + from + '"');
}

Status ask_to_measure(const AgentState& agent, milliseconds deadline) {
  PEGAFLOW_ASSIGN(const http::Url url, http::parse_url("http://" + agent.http));
  PEGAFLOW_ASSIGN(const http::Response response,
                  http::Client({url.host, url.port}).post("/v1/probe", "", deadline));
  if (response.status >= 400) return http::error_of(response);
  return {};
}

bool measured_since(const LinkDocument& before, const LinkDocument& now) {
  if (now.bytes_per_second == 0 || now.round_trip_ns == 0) return false;
  return now.bytes_per_second != before.bytes_per_second &&
         now.round_trip_ns != before.round_trip_ns;
}

// The figures once they differ from `before`.
Result<LinkDocument> await_figures(const std::string& from, const AgentState& to,
                                   const LinkDocument& before, milliseconds patience,
                                   milliseconds deadline) {
  const auto give_up = steady_clock::now() + patience;
  for (;;) {
    PEGAFLOW_ASSIGN(LinkDocument now, link_from(from, to, deadline));
    if (now.state != "up") {
      return Error(Code::kFailedPrecondition,
                   "the link is " + now.state + (now.reason.empty() ? "" : ": " + now.reason));
    }
    if (measured_since(before, now)) return now;
    if (steady_clock::now() >= give_up) {
      return Error(Code::kDeadlineExceeded,
                   "no new figures within " + std::to_string(patience.count()) + " ms");
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

// A region at one end, and whether a NIC could register it.
struct RegionAt {
  std::string agent;
  RegionDocument region;
};

Result<std::vector<RegionAt>> regions_of(const std::vector<const AgentState*>& agents,
                                         milliseconds deadline) {
  std::vector<RegionAt> regions;
  for (const AgentState* agent : agents) {
    PEGAFLOW_ASSIGN(const AgentAnswer answer, ask_agent(agent->http, deadline));
    for (const auto& region : answer.document.regions) regions.push_back({agent->name, region});
  }
  return regions;
}

std::string dmabuf_text(const RegionDocument& region) {
  return region.dmabuf ? "exported" : region.dmabuf_reason;
}

nlohmann::json regions_json(const std::vector<RegionAt>& regions) {
  auto array = nlohmann::json::array();
  for (const auto& [agent, region] : regions) {
    array.push_back({{"agent", agent},
                     {"name", region.name},
                     {"memory", region.memory},
                     {"dmabuf", region.dmabuf},
                     {"dmabuf_reason", region.dmabuf_reason}});
  }
  return array;
}

Outcome report(const std::string& from, const std::string& to, const LinkDocument& link,
               const std::vector<RegionAt>& regions, bool json) {
  if (json) {
    return {json_text({{"from", from},
                       {"to", to},
                       {"path", link.path},
                       {"transport", link.transport},
                       {"bytes_per_second", link.bytes_per_second},
                       {"round_trip_ns", link.round_trip_ns},
                       {"regions", regions_json(regions)}}) +
                '\n',
            kExitOk};
  }
  Table table({"FROM", "TO", "PATH", "TRANSPORT", "BANDWIDTH", "ROUND TRIP"});
  table.add({from, to, link.path, link.transport, bandwidth_text(link.bytes_per_second),
             duration_text(link.round_trip_ns)});
  Table memory({"AGENT", "REGION", "MEMORY", "DMA-BUF"});
  for (const auto& [agent, region] : regions) {
    memory.add({agent, region.name, region.memory, dmabuf_text(region)});
  }
  return {table.text() + '\n' + memory.text(), kExitOk};
}

}  // namespace

Result<Outcome> probe_link(const Target& target, const std::string& from, const std::string& to,
                           milliseconds patience, bool json) {
  PEGAFLOW_ASSIGN(const AgentState agent, find_agent(target, to));
  PEGAFLOW_ASSIGN(const LinkDocument before, link_from(from, agent, target.deadline));
  PEGAFLOW_TRY(ask_to_measure(agent, target.deadline));
  PEGAFLOW_ASSIGN(const LinkDocument now,
                  await_figures(from, agent, before, patience, target.deadline));
  PEGAFLOW_ASSIGN(const AgentState source, find_agent(target, from));
  PEGAFLOW_ASSIGN(const auto regions, regions_of({&source, &agent}, target.deadline));
  return report(from, to, now, regions, json);
}

}  // namespace pegaflow::ctl
