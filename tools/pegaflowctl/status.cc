#include "status.h"

#include <algorithm>

#include "base/json_view.h"

namespace pegaflow::ctl {
namespace {

using nlohmann::json;

void complain_about_links(const AgentDocument& agent, std::vector<std::string>& complaints) {
  for (const auto& link : agent.links) {
    if (link.state == "up") continue;
    complaints.push_back("link " + link.direction + ' ' + link.peer + " is " + link.state +
                         (link.reason.empty() ? "" : ": " + link.reason));
  }
}

void complain_about_slots(const AgentDocument& agent, std::vector<std::string>& complaints) {
  for (const auto& region : agent.regions) {
    for (const auto& [state, count] : region.slots) {
      if (state != "retired" || count == 0) continue;
      complaints.push_back("region " + region.name + " has " + std::to_string(count) +
                           " retired slots");
    }
  }
}

json agent_json(const AgentState& agent) {
  json out = {{"name", agent.name},
              {"http", agent.http},
              {"registered", agent.registered},
              {"reachable", agent.answer.has_value() && agent.answer->ok()},
              {"complaints", complaints_about(agent)}};
  if (out["reachable"] == true) out["status"] = json::parse((*agent.answer)->text);
  return out;
}

}  // namespace

std::vector<std::string> complaints_about(const AgentState& agent) {
  std::vector<std::string> complaints;
  if (!agent.registered) complaints.emplace_back("not registered at the rendezvous");
  if (!agent.answer.has_value()) return complaints;
  if (!agent.answer->ok()) {
    complaints.push_back("unreachable: " + agent.answer->error().message());
    return complaints;
  }
  const AgentDocument& document = (*agent.answer)->document;
  if (!document.ready) {
    complaints.push_back("not ready" +
                         (document.not_ready.empty() ? "" : ": " + document.not_ready));
  }
  if (document.draining) complaints.emplace_back("draining");
  complain_about_links(document, complaints);
  complain_about_slots(document, complaints);
  return complaints;
}

int status_of(const Deployment& deployment) {
  const auto& agents = deployment.agents;
  const bool silent = std::any_of(agents.begin(), agents.end(), [](const AgentState& agent) {
    return agent.answer.has_value() && !agent.answer->ok();
  });
  if (silent || deployment.rendezvous.has_value()) return kExitUnreachable;
  const bool well = std::all_of(agents.begin(), agents.end(), [](const AgentState& agent) {
    return complaints_about(agent).empty();
  });
  return well ? kExitOk : kExitUnhealthy;
}

std::string status_json(const Target& target, const Deployment& deployment) {
  json agents = json::array();
  for (const auto& agent : deployment.agents) agents.push_back(agent_json(agent));
  json rendezvous = {{"url", target.rendezvous_url()},
                     {"reachable", !deployment.rendezvous.has_value()}};
  if (deployment.rendezvous.has_value()) rendezvous["error"] = deployment.rendezvous->message();
  return json_text({{"healthy", status_of(deployment) == kExitOk},
                    {"rendezvous", std::move(rendezvous)},
                    {"agents", std::move(agents)}}) +
         '\n';
}

Outcome show_status(const Target& target, bool json) {
  Deployment deployment = find_agents(target);
  ask_all(deployment, target.deadline);
  return {json ? status_json(target, deployment) : status_text(target, deployment),
          status_of(deployment)};
}

}  // namespace pegaflow::ctl
