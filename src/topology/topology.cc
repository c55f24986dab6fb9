#include "topology/topology.h"

#include <algorithm>

#include "base/check.h"

namespace pegaflow::topology {
namespace {

std::string host_and_port(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::kPrefill:
      return "prefill";
    case Role::kDecode:
      return "decode";
    case Role::kBoth:
      return "both";
  }
  return "unknown";
}

std::string_view to_string(LinkPath path) {
  switch (path) {
    case LinkPath::kAuto:
      return "auto";
    case LinkPath::kDirect:
      return "direct";
    case LinkPath::kAgent:
      return "agent";
    case LinkPath::kUcx:
      return "ucx";
  }
  return "unknown";
}

std::string_view to_string(MemoryKind memory) {
  switch (memory) {
    case MemoryKind::kHost:
      return "host";
    case MemoryKind::kCuda:
      return "cuda";
  }
  return "unknown";
}

std::string IpPort::text() const { return host_and_port(ip, port); }

std::string HttpUrl::text() const { return "http://" + host_and_port(host, port); }

const Gpu* Node::gpu_of(const RegionSpec& region) const {
  const auto found = std::find_if(gpus.begin(), gpus.end(),
                                  [&region](const Gpu& gpu) { return gpu.index == region.gpu; });
  return found == gpus.end() ? nullptr : &*found;
}

const RegionSpec* Node::region(std::string_view region_name) const {
  const auto found = std::find_if(regions.begin(), regions.end(), [&](const RegionSpec& region) {
    return region.name == region_name;
  });
  return found == regions.end() ? nullptr : &*found;
}

const Node* Topology::node(std::string_view name) const {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.name == name; });
  return found == nodes.end() ? nullptr : &*found;
}

const LinkSpec* Topology::link(std::string_view from, std::string_view to) const {
  const auto found = std::find_if(links.begin(), links.end(), [&](const LinkSpec& link) {
    return link.from == from && link.to == to;
  });
  return found == links.end() ? nullptr : &*found;
}

std::vector<const LinkSpec*> Topology::links_of(std::string_view name) const {
  std::vector<const LinkSpec*> found;
  for (const auto& link : links) {
    if (link.from == name || link.to == name) found.push_back(&link);
  }
  return found;
}

bool Topology::is_mapped(const LinkSpec& link) const {
  const Node* from = node(link.from);
  const Node* to = node(link.to);
  PEGAFLOW_CHECK(from != nullptr && to != nullptr);
  return link.path != LinkPath::kUcx && from->host == to->host;
}

}  // namespace pegaflow::topology
