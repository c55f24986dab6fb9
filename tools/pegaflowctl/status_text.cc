// The tables of pegaflowctl status.
#include <algorithm>

#include "status.h"
#include "table.h"

namespace pegaflow::ctl {
namespace {

const AgentDocument* document_of(const AgentState& agent) {
  return agent.answer.has_value() && agent.answer->ok() ? &(*agent.answer)->document : nullptr;
}

std::string yes_no(bool value) { return value ? "yes" : "no"; }

Table agents_table(const Deployment& deployment) {
  Table table({"AGENT", "REGISTERED", "READY", "VERSION", "EPOCH", "SESSIONS", "OFFERS", "RECEIVES",
               "TRANSFERS"});
  for (const auto& agent : deployment.agents) {
    const auto* document = document_of(agent);
    if (document == nullptr) {
      table.add({agent.name, yes_no(agent.registered), "-", "-", "-", "-", "-", "-", "-"});
      continue;
    }
    table.add({agent.name, yes_no(agent.registered), yes_no(document->ready), document->version,
               document->epoch, std::to_string(document->sessions),
               std::to_string(document->offers), std::to_string(document->receives),
               std::to_string(document->transfers)});
  }
  return table;
}

bool answers(const Deployment& deployment, const std::string& name) {
  return std::any_of(deployment.agents.begin(), deployment.agents.end(), [&](const auto& agent) {
    return agent.name == name && document_of(agent) != nullptr;
  });
}

// Each link once: as its receiving end sees it, unless only the sending end answers.
Table links_table(const Deployment& deployment) {
  Table table({"FROM", "TO", "STATE", "PATH", "TRANSPORT", "BANDWIDTH", "ROUND TRIP"});
  for (const auto& agent : deployment.agents) {
    const auto* document = document_of(agent);
    if (document == nullptr) continue;
    for (const auto& link : document->links) {
      const bool sends = link.direction == "to";
      if (sends && answers(deployment, link.peer)) continue;
      table.add({sends ? agent.name : link.peer, sends ? link.peer : agent.name, link.state,
                 link.path, link.transport.empty() ? "-" : link.transport,
                 bandwidth_text(link.bytes_per_second), duration_text(link.round_trip_ns)});
    }
  }
  return table;
}

std::string slots_text(const RegionDocument& region) {
  std::string text;
  for (const auto& [state, count] : region.slots) {
    if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + ' ' + state;
  }
  return text.empty() ? "-" : text;
}

Table regions_table(const Deployment& deployment) {
  Table table({"AGENT", "REGION", "SLOTS"});
  for (const auto& agent : deployment.agents) {
    const auto* document = document_of(agent);
    if (document == nullptr) continue;
    for (const auto& region : document->regions) {
      table.add({agent.name, region.name, slots_text(region)});
    }
  }
  return table;
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

Table gpus_table(const Deployment& deployment) {
  Table table({"AGENT", "GPU", "REGIONS", "CONTEXT"});
  for (const auto& agent : deployment.agents) {
    const auto* document = document_of(agent);
    if (document == nullptr) continue;
    for (const auto& gpu : document->gpus) {
      table.add({agent.name, gpu.uuid, mebibytes(gpu.region_bytes),
                 gpu.context_bytes ? mebibytes(*gpu.context_bytes) : "-"});
    }
  }
  return table;
}

}  // namespace

std::string status_text(const Target& target, const Deployment& deployment) {
  std::string text = "rendezvous " + target.rendezvous_url();
  text += deployment.rendezvous.has_value() ? ": " + deployment.rendezvous->message() : ": answers";
  text += '\n';
  for (const Table& table : {agents_table(deployment), links_table(deployment),
                             regions_table(deployment), gpus_table(deployment)}) {
    if (!table.empty()) text += '\n' + table.text();
  }
  Table complaints({"AGENT", "COMPLAINT"});
  for (const auto& agent : deployment.agents) {
    for (const auto& complaint : complaints_about(agent)) complaints.add({agent.name, complaint});
  }
  if (!complaints.empty()) text += '\n' + complaints.text();
  return text;
}

}  // namespace pegaflow::ctl
