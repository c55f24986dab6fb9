#include "agent/devices.h"

#include <algorithm>
#include <utility>

namespace pegaflow::agent {
namespace {

bool on_gpu(const topology::RegionSpec& region) { return region.memory == MemoryKind::kCuda; }

bool leads_to_gpu(const topology::Topology& topology, const topology::Node& node) {
  const auto links = topology.links_of(node.name);
  return std::any_of(links.begin(), links.end(), [&](const topology::LinkSpec* link) {
    const auto& regions = topology.node(link->to)->regions;
    return link->from == node.name && topology.is_mapped(*link) &&
           std::any_of(regions.begin(), regions.end(), on_gpu);
  });
}

}  // namespace

Devices::Devices() : host_(memory::make_host_device()) {}

Result<Devices> Devices::open(const topology::Topology& topology, const topology::Node& node) {
  Devices devices;
  for (const topology::RegionSpec& region : node.regions) {
    if (!on_gpu(region)) continue;
    const Status opened = devices.open_gpu(node.gpu_of(region)->uuid);
    if (!opened.ok()) return opened.error().within("region " + region.name);
  }
  if (devices.gpus_.empty() && leads_to_gpu(topology, node)) {
    if (node.gpus.empty()) {
      return Error(Code::kInvalidArgument,
                   "node " + node.name +
                       " has a link on its own host into GPU memory: its agent needs a GPU to copy "
                       "with; list one in the node's gpus");
    }
    PEGAFLOW_TRY(devices.open_gpu(node.gpus.front().uuid));
  }
  return devices;
}

Status Devices::open_gpu(const std::string& uuid) {
  if (gpus_.contains(uuid)) return {};
  PEGAFLOW_ASSIGN(gpus_[uuid], memory::open_gpu(uuid));
  return {};
}

// Host memory is made for the GPU, too, where there is one: it is pinned then, for copy engines.
memory::Device& Devices::of(const topology::Node& node, const topology::RegionSpec& region) {
  return on_gpu(region) ? *gpus_.at(node.gpu_of(region)->uuid) : for_copies();
}

memory::Device& Devices::for_copies() { return gpus_.empty() ? *host_ : *gpus_.begin()->second; }

std::vector<const memory::Device*> Devices::gpus() const {
  std::vector<const memory::Device*> gpus;
  gpus.reserve(gpus_.size());
  for (const auto& [uuid, device] : gpus_) gpus.push_back(device.get());
  return gpus;
}

}  // namespace pegaflow::agent
