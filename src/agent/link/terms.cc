#include "agent/link/terms.h"

#include <algorithm>

namespace pegaflow::agent {
namespace {

DataPath data_path(const topology::Topology& topology, const topology::LinkSpec& link) {
  if (!topology.is_mapped(link)) return DataPath::kUcx;
  return link.path == topology::LinkPath::kAgent ? DataPath::kAgent : DataPath::kDirect;
}

std::vector<std::string> gpus_of_regions(const topology::Node& node) {
  std::vector<std::string> uuids;
  for (const topology::RegionSpec& region : node.regions) {
    if (region.memory == MemoryKind::kCuda) uuids.push_back(node.gpu_of(region)->uuid);
  }
  return uuids;
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Others would bounce through host memory, if they did it at all.
bool reads_gpu_memory(const std::string& lane) {
  return lane == "cuda_ipc" || lane.starts_with("rc_");
}

}  // namespace

std::vector<LinkTerms> links_of(const topology::Topology& topology, const topology::Node& node) {
  std::vector<LinkTerms> all;
  std::uint16_t last = 0;
  for (const topology::LinkSpec* link : topology.links_of(node.name)) {
    LinkTerms terms;
    terms.id = LinkId{++last};
    terms.from = link->from;
    terms.to = link->to;
    terms.we_are_source = link->from == node.name;
    terms.mapped = topology.is_mapped(*link);
    terms.path = data_path(topology, *link);
    terms.path_is_forced = link->path == topology::LinkPath::kDirect;
    terms.sink_gpus = gpus_of_regions(*topology.node(link->to));
    terms.gpu_slots =
        !terms.sink_gpus.empty() || !gpus_of_regions(*topology.node(link->from)).empty();
    terms.window = link->window;
    terms.chunk_bytes = static_cast<std::uint32_t>(link->chunk_bytes);
    terms.integrity = link->integrity;
    terms.transports = link->transports;
    all.push_back(std::move(terms));
  }
  return all;
}

std::optional<DataPath> LinkTerms::path_for(const std::vector<std::string>& reaches) const {
  if (path != DataPath::kDirect) return path;
  const bool all = std::all_of(sink_gpus.begin(), sink_gpus.end(), [&](const std::string& gpu) {
    return std::find(reaches.begin(), reaches.end(), gpu) != reaches.end();
  });
  if (all) return DataPath::kDirect;
  if (path_is_forced) return std::nullopt;
  return DataPath::kAgent;
}

Status check_lanes(const LinkTerms& terms, const transport::LaneInfo& lanes) {
  if (terms.mapped) return {};
  const bool reads_gpus = std::any_of(lanes.rma.begin(), lanes.rma.end(), reads_gpu_memory);
  if (terms.gpu_slots && !reads_gpus) {
    return Error(Code::kUnsupported,
                 "slots are GPU memory, which none of UCX's data lanes reads (" + lanes.text +
                     "): expected cuda_ipc or rc; or keep the slots of both nodes in host memory");
  }
  const auto allowed = [&](const std::string& lane) {
    return std::find(terms.transports.begin(), terms.transports.end(), lane) !=
           terms.transports.end();
  };
  if (!lanes.rma.empty() && std::all_of(lanes.rma.begin(), lanes.rma.end(), allowed)) return {};
  const std::string got =
      lanes.rma.empty() ? "no data lane at all (UCX would emulate puts)" : join(lanes.rma);
  return Error(Code::kUnsupported, "the link may use " + join(terms.transports) + ", UCX chose " +
                                       got + " (" + lanes.text +
                                       "); check ucx.tls and net_devices of both nodes");
}

std::string transport_name(const LinkTerms& terms, const transport::LaneInfo& lanes) {
  return terms.mapped ? "mapped" : join(lanes.rma);
}

}  // namespace pegaflow::agent
