#include "topology/check_meaning.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace pegaflow::topology {
namespace {

std::string at(std::string_view list, std::size_t index, std::string_view rest = "") {
  return '/' + std::string(list) + '/' + std::to_string(index) + std::string(rest);
}

std::string quote(std::string_view text) { return '"' + std::string(text) + '"'; }

bool is_address(const std::string& ip) {
  std::array<unsigned char, 16> unused{};
  const int family = ip.find(':') == std::string::npos ? AF_INET : AF_INET6;
  return inet_pton(family, ip.c_str(), unused.data()) == 1;
}

bool is_loopback(const std::string& ip) { return ip.starts_with("127.") || ip == "::1"; }

// Goes through one topology; each function looks at one aspect.
class Checker {
 public:
  explicit Checker(const Topology& topology) : topology_(topology) {}

  std::vector<Fault> run() && {
    for (std::size_t i = 0; i < topology_.nodes.size(); ++i) {
      check_names(topology_.nodes[i], i);
      check_addresses(topology_.nodes[i], i);
      check_gpus(topology_.nodes[i], i);
      check_regions(topology_.nodes[i], i);
    }
    for (std::size_t i = 0; i < topology_.links.size(); ++i) check_link(topology_.links[i], i);
    check_deadlines();
    return std::move(faults_);
  }

 private:
  void fault(std::string pointer, std::string message) {
    faults_.push_back({std::move(pointer), std::move(message), false});
  }

  // Faults the second use of a value.
  void unique(std::map<std::string, std::string>& seen, const std::string& value,
              const std::string& pointer) {
    const auto [it, fresh] = seen.emplace(value, pointer);
    if (!fresh)
      fault(pointer, "expected a unique value, got " + quote(value) + " as in " + it->second);
  }

  void check_names(const Node& node, std::size_t i) {
    unique(names_, node.name, at("nodes", i, "/name"));
    unique(sockets_, node.host + ' ' + node.socket, at("nodes", i, "/socket"));
  }

  void check_addresses(const Node& node, std::size_t i) {
    const std::array<std::pair<const IpPort*, const char*>, 2> addresses{
        {{&node.control, "/control"}, {&node.http, "/http"}}};
    for (const auto& [address, key] : addresses) {
      if (!is_address(address->ip)) {
        fault(at("nodes", i, key), "expected a numeric IP address, got " + quote(address->ip));
      }
      unique(addresses_, address_scope(node, *address) + address->text(), at("nodes", i, key));
    }
  }

  // Loopback and wildcard addresses mean another machine on every host.
  static std::string address_scope(const Node& node, const IpPort& address) {
    const bool local = is_loopback(address.ip) || address.ip == "0.0.0.0" || address.ip == "::";
    return local ? node.host + ' ' : std::string();
  }

  void check_gpus(const Node& node, std::size_t i) {
    std::map<std::string, std::string> indices;
    std::map<std::string, std::string> uuids;
    for (std::size_t g = 0; g < node.gpus.size(); ++g) {
      const std::string pointer = at("nodes", i, at("gpus", g));
      unique(indices, std::to_string(node.gpus[g].index), pointer + "/index");
      unique(uuids, node.gpus[g].uuid, pointer + "/uuid");
    }
  }

  void check_regions(const Node& node, std::size_t i) {
    std::map<std::string, std::string> names;
    for (std::size_t r = 0; r < node.regions.size(); ++r) {
      const std::string pointer = at("nodes", i, at("regions", r));
      unique(names, node.regions[r].name, pointer + "/name");
      check_region_gpu(node, node.regions[r], pointer);
    }
  }

  void check_region_gpu(const Node& node, const RegionSpec& region, const std::string& pointer) {
    if (region.memory == MemoryKind::kHost) {
      if (region.gpu.has_value())
        fault(pointer + "/gpu", "host memory has no GPU; remove this key");
      return;
    }
    if (!region.gpu.has_value()) {
      fault(pointer, "expected \"gpu\", the index of the GPU whose memory it is");
      return;
    }
    const bool known = std::any_of(node.gpus.begin(), node.gpus.end(),
                                   [&](const Gpu& gpu) { return gpu.index == *region.gpu; });
    if (!known) {
      fault(pointer + "/gpu",
            "expected an index in this node's gpus, got " + std::to_string(*region.gpu));
    }
  }

  void check_link(const LinkSpec& link, std::size_t i) {
    unique(links_, link.from + " → " + link.to, at("links", i));
    const Node* from = end_of_link(link.from, at("links", i, "/from"));
    const Node* to = end_of_link(link.to, at("links", i, "/to"));
    if (from == nullptr || to == nullptr) return;
    if (from == to) {
      fault(at("links", i, "/to"), "expected another node than from, got " + quote(link.to));
      return;
    }
    check_roles(*from, *to, i);
    check_path(link, *from, *to, i);
    check_transports(link, *from, *to, i);
    for (const Node* node : {from, to}) check_chunk(link, *node, i);
    check_window(link, *to, i);
  }

  const Node* end_of_link(const std::string& name, const std::string& pointer) {
    const Node* node = topology_.node(name);
    if (node == nullptr) fault(pointer, "expected the name of a node, got " + quote(name));
    return node;
  }

  void check_roles(const Node& from, const Node& to, std::size_t i) {
    if (!from.prefills()) {
      fault(at("links", i, "/from"),
            "expected a node whose role is prefill or both; " + quote(from.name) + " is decode");
    }
    if (!to.decodes()) {
      fault(at("links", i, "/to"),
            "expected a node whose role is decode or both; " + quote(to.name) + " is prefill");
    }
  }

  void check_path(const LinkSpec& link, const Node& from, const Node& to, std::size_t i) {
    const bool needs_one_host = link.path == LinkPath::kDirect || link.path == LinkPath::kAgent;
    if (!needs_one_host || from.host == to.host) return;
    fault(at("links", i, "/path"), quote(to_string(link.path)) +
                                       " needs both nodes on one host; they are on " +
                                       quote(from.host) + " and " + quote(to.host));
  }

  void check_transports(const LinkSpec& link, const Node& from, const Node& to, std::size_t i) {
    const std::string pointer = at("links", i, "/transports");
    if (topology_.is_mapped(link)) {
      if (!link.transports.empty()) {
        fault(pointer,
              "this link is mapped (one host, path isn't ucx) and has no data transport; "
              "remove this key, or set path to ucx");
      }
      return;
    }
    if (link.transports.empty()) {
      fault(at("links", i), "expected \"transports\": the data transports this link may use");
    }
    static const std::set<std::string, std::less<>> kAcrossHosts = {"tcp", "rc_verbs", "rc_mlx5"};
    std::set<std::string> seen;
    for (std::size_t t = 0; t < link.transports.size(); ++t) {
      const auto& transport = link.transports[t];
      const std::string item = pointer + '/' + std::to_string(t);
      if (!seen.insert(transport).second) {
        fault(item, "expected each transport once, got " + quote(transport) + " twice");
      }
      if (from.host != to.host && !kAcrossHosts.contains(transport)) {
        fault(item, "expected tcp, rc_verbs or rc_mlx5 between two hosts, got " + quote(transport));
      }
    }
  }

  void check_chunk(const LinkSpec& link, const Node& node, std::size_t i) {
    for (const auto& region : node.regions) {
      if (link.chunk_bytes <= region.slot_bytes) continue;
      fault(at("links", i, "/chunk_bytes"),
            "expected at most the slot_bytes of node " + quote(node.name) + ", region " +
                quote(region.name) + " (" + std::to_string(region.slot_bytes) + "), got " +
                std::to_string(link.chunk_bytes));
    }
  }

  void check_window(const LinkSpec& link, const Node& to, std::size_t i) {
    for (const auto& region : to.regions) {
      if (link.window <= region.slot_count) continue;
      fault(at("links", i, "/window"), "expected at most the slot_count of node " + quote(to.name) +
                                           ", region " + quote(region.name) + " (" +
                                           std::to_string(region.slot_count) + "), got " +
                                           std::to_string(link.window));
    }
  }

  void check_deadlines() {
    const auto& deadlines = topology_.deadlines;
    if (deadlines.dead_after > deadlines.heartbeat) return;
    fault("/deadlines/dead_after_ms", "expected more than heartbeat_ms (" +
                                          std::to_string(deadlines.heartbeat.count()) + "), got " +
                                          std::to_string(deadlines.dead_after.count()));
  }

  const Topology& topology_;
  std::vector<Fault> faults_;
  std::map<std::string, std::string> names_, sockets_, addresses_, links_;  // value → first pointer
};

// One launch's slots, which are out while two windows of credits are (PROTOCOL.md, sizing).
constexpr std::uint64_t kBatchSlots = 8;

void warn_of_few_slots(const LinkSpec& link, const Node& node, std::size_t i,
                       std::vector<std::string>& warnings) {
  const std::uint64_t wanted = 2 * std::uint64_t{link.window} + kBatchSlots;
  for (const auto& region : node.regions) {
    if (region.slot_count >= wanted) continue;
    warnings.push_back(at("links", i, "/window") + ": a window of " + std::to_string(link.window) +
                       " wants " + std::to_string(wanted) + " slots (twice the window and " +
                       std::to_string(kBatchSlots) + "); node " + quote(node.name) + ", region " +
                       quote(region.name) + " has " + std::to_string(region.slot_count));
  }
}

void warn_of_link(const Topology& topology, std::size_t i, std::vector<std::string>& warnings) {
  const LinkSpec& link = topology.links[i];
  const Node& from = *topology.node(link.from);
  const Node& to = *topology.node(link.to);
  warn_of_few_slots(link, to, i, warnings);
  // On a direct path P's engine fills D's slots and uses none of its own agent's.
  if (link.path != LinkPath::kDirect) warn_of_few_slots(link, from, i, warnings);
  if (from.host != to.host && is_loopback(from.control.ip)) {
    warnings.push_back(at("links", i, "/from") + ": another host dials " + from.control.text() +
                       ", a loopback address");
  }
}

}  // namespace

std::vector<Fault> check_meaning(const Topology& topology) { return Checker(topology).run(); }

std::vector<std::string> warnings_of(const Topology& topology) {
  std::vector<std::string> warnings;
  for (std::size_t i = 0; i < topology.links.size(); ++i) warn_of_link(topology, i, warnings);
  for (std::size_t i = 0; i < topology.nodes.size(); ++i) {
    if (topology.links_of(topology.nodes[i].name).empty()) {
      warnings.push_back(at("nodes", i) + ": no link starts or ends here");
    }
  }
  const auto& deadlines = topology.deadlines;
  if (deadlines.dead_after < 3 * deadlines.heartbeat) {
    warnings.push_back("/deadlines/dead_after_ms: less than three heartbeats");
  }
  return warnings;
}

}  // namespace pegaflow::topology
