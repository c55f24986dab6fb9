#include "agent_document.h"

#include <limits>

#include "base/json_view.h"

namespace pegaflow::ctl {
namespace {

constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kMany = 1U << 20U;
constexpr std::size_t kSlotStates = 32;
constexpr TextRule kText{0, 4'096, nullptr};

LinkDocument read_link(const JsonView& view) {
  LinkDocument link;
  if (!view.open_object({"peer", "direction", "state", "reason", "path", "transport",
                         "bytes_per_second", "round_trip_ns"})) {
    return link;
  }
  link.peer = view["peer"].text(kText);
  link.direction = view["direction"].one_of({"to", "from"}) == 0 ? "to" : "from";
  link.state = view["state"].text(kText);
  link.reason = view["reason"].text(kText);
  link.path = view["path"].text(kText);
  link.transport = view["transport"].text(kText);
  link.bytes_per_second = view["bytes_per_second"].integer(0, kAny);
  link.round_trip_ns = view["round_trip_ns"].integer(0, kAny);
  return link;
}

RegionDocument read_region(const JsonView& view) {
  RegionDocument region;
  if (!view.open_object({"name", "memory", "dmabuf", "dmabuf_reason", "slots"})) return region;
  region.name = view["name"].text(kText);
  region.memory = view["memory"].text(kText);
  region.dmabuf = view["dmabuf"].boolean();
  region.dmabuf_reason = view["dmabuf_reason"].text(kText);
  for (const auto& [state, count] : view["slots"].members(kSlotStates)) {
    region.slots.emplace_back(state, count.integer(0, kAny));
  }
  return region;
}

GpuDocument read_gpu(const JsonView& view) {
  GpuDocument gpu;
  if (!view.open_object({"uuid", "region_bytes", "context_bytes"})) return gpu;
  gpu.uuid = view["uuid"].text(kText);
  gpu.region_bytes = view["region_bytes"].integer(0, kAny);
  const JsonView context = view["context_bytes"];
  if (!context.raw().is_null()) gpu.context_bytes = context.integer(0, kAny);
  return gpu;
}

AgentDocument read_agent(const JsonView& view) {
  AgentDocument agent;
  if (!view.open_object({"version", "epoch", "ready", "not_ready", "draining", "sessions", "offers",
                         "receives", "transfers", "links", "regions", "gpus"})) {
    return agent;
  }
  agent.version = view["version"].text(kText);
  agent.epoch = view["epoch"].text(kText);
  agent.ready = view["ready"].boolean();
  agent.not_ready = view["not_ready"].text(kText);
  agent.draining = view["draining"].boolean();
  agent.sessions = view["sessions"].array(0, kMany).size();
  agent.offers = view["offers"].integer(0, kAny);
  agent.receives = view["receives"].integer(0, kAny);
  agent.transfers = view["transfers"].array(0, kMany).size();
  for (const auto& link : view["links"].array(0, kMany)) agent.links.push_back(read_link(link));
  for (const auto& region : view["regions"].array(0, kMany)) {
    agent.regions.push_back(read_region(region));
  }
  for (const auto& gpu : view["gpus"].array(0, kMany)) agent.gpus.push_back(read_gpu(gpu));
  return agent;
}

}  // namespace

Result<AgentDocument> read_agent_document(std::string_view text) {
  PEGAFLOW_ASSIGN(const nlohmann::json document, parse_json(text));
  JsonFaults faults;
  AgentDocument agent = read_agent(JsonView(document, faults));
  PEGAFLOW_TRY(faults.status(Code::kProtocol));
  return agent;
}

}  // namespace pegaflow::ctl
