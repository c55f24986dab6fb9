#include "rendezvous/admission.h"

#include <set>

#include "base/check.h"

namespace pegaflow::rendezvous {
namespace {

Error refuse(std::string_view pointer, std::string_view expected, std::string_view got) {
  return {Code::kInvalidArgument, "/record" + std::string(pointer) + ": expected " +
                                      std::string(expected) + ", got \"" + std::string(got) + '"'};
}

Status admit_links(const AgentRecord& record, const topology::Topology& topology) {
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < record.links.size(); ++i) {
    const LinkRecord& link = record.links[i];
    const std::string pointer = "/links/" + std::to_string(i);
    const bool sends = link.direction == "to";
    const auto* known =
        sends ? topology.link(record.name, link.peer) : topology.link(link.peer, record.name);
    if (known == nullptr) {
      return refuse(pointer, "a link of the topology", link.direction + ' ' + link.peer);
    }
    if (!seen.insert({link.peer, link.direction}).second) {
      return refuse(pointer, "each link once", link.direction + ' ' + link.peer);
    }
  }
  return {};
}

// Names of regions and ids of pools are keys for whoever reads the record.
Status admit_unique(const AgentRecord& record) {
  std::set<std::string_view> regions;
  for (std::size_t i = 0; i < record.regions.size(); ++i) {
    const auto& name = record.regions[i].name;
    if (regions.insert(name).second) continue;
    return refuse("/regions/" + std::to_string(i) + "/name", "a unique name", name);
  }
  std::set<std::uint32_t> pools;
  for (std::size_t i = 0; i < record.pools.size(); ++i) {
    const auto id = record.pools[i].id.value;
    if (pools.insert(id).second) continue;
    return refuse("/pools/" + std::to_string(i) + "/id", "a unique id", std::to_string(id));
  }
  return {};
}

}  // namespace

Status admit(const AgentRecord& record, std::string_view name, const topology::Topology& topology) {
  const topology::Node* node = topology.node(name);
  PEGAFLOW_CHECK(node != nullptr);
  if (record.name != name) return refuse("/name", '"' + std::string(name) + '"', record.name);
  if (record.epoch.value == 0) return refuse("/epoch", "another epoch than 0", "0");
  if (record.topology_hash != topology.hash) {
    return Error(Code::kFailedPrecondition, "the topologies differ: this service has " +
                                                topology.hash + ", agent \"" + record.name +
                                                "\" has " + record.topology_hash +
                                                "; give both the same topology.json");
  }
  if (record.control != node->control.text()) {
    return refuse("/control", '"' + node->control.text() + '"', record.control);
  }
  if (record.http != node->http.text()) {
    return refuse("/http", '"' + node->http.text() + '"', record.http);
  }
  PEGAFLOW_TRY(admit_links(record, topology));
  return admit_unique(record);
}

}  // namespace pegaflow::rendezvous
