#include "agent/status.h"

#include <nlohmann/json.hpp>

#include "rendezvous/record.h"

namespace pegaflow::agent {
namespace {

using Json = nlohmann::ordered_json;

std::string_view path_text(DataPath path) {
  switch (path) {
    case DataPath::kDirect:
      return "direct";
    case DataPath::kAgent:
      return "agent";
    case DataPath::kUcx:
      return "ucx";
  }
  return "?";
}

Json link_json(const LinkStatus& link) {
  return {{"peer", link.peer},
          {"direction", link.we_are_source ? "to" : "from"},
          {"state", to_string(link.state)},
          {"reason", link.reason},
          {"path", path_text(link.path)},
          {"transport", link.transport},
          {"incarnation", link.incarnation.value},
          {"peer_epoch", rendezvous::epoch_to_text(link.peer_epoch)},
          {"peer_pools", link.peer_pools},
          {"unacknowledged", link.unacknowledged},
          {"queued", link.queued},
          {"bytes_per_second", link.bytes_per_second},
          {"round_trip_ns", link.round_trip.count()}};
}

Json session_json(const SessionStatus& session) {
  return {{"id", session.id.value},
          {"kind", session.kind},
          {"instance", session.instance},
          {"pools", session.pools},
          {"stalled", session.stalled}};
}

Json region_json(const RegionInfo& region, const RegionPlace& place) {
  const auto count = [&](core::SlotState state) {
    return region.slots[static_cast<std::size_t>(state)];
  };
  return {{"name", region.name},
          {"memory", place.memory},
          {"gpu", place.gpu},
          {"bytes", place.bytes},
          {"dmabuf", place.dmabuf},
          {"dmabuf_reason", place.dmabuf_reason},
          {"slots",
           {{"free", count(core::SlotState::kFree)},
            {"loaned", count(core::SlotState::kLoaned)},
            {"claimed", count(core::SlotState::kClaimed)},
            {"filled", count(core::SlotState::kFilled)},
            {"draining", count(core::SlotState::kDraining)},
            {"quarantined", count(core::SlotState::kQuarantined)},
            {"retired", count(core::SlotState::kRetired)}}}};
}

Json regions_json(const AgentStatus& status) {
  Json regions = Json::array();
  for (std::size_t i = 0; i < status.transfers.regions.size(); ++i) {
    regions.push_back(region_json(status.transfers.regions[i], status.places.at(i)));
  }
  return regions;
}

Json gpu_json(const GpuStatus& gpu) {
  Json json = {{"uuid", gpu.uuid}, {"region_bytes", gpu.region_bytes}, {"context_bytes", nullptr}};
  if (gpu.context_bytes) json["context_bytes"] = *gpu.context_bytes;
  return json;
}

Json transfer_json(const TransferInfo& transfer) {
  return {{"key", transfer.key.to_hex()},
          {"xfer", transfer.stream.xfer.value},
          {"stream", transfer.stream.stream.value},
          {"role", transfer.source ? "source" : "sink"},
          {"peer", transfer.peer},
          {"state", transfer.state},
          {"chunks_done", transfer.chunks_done},
          {"chunks_total", transfer.chunks_total},
          {"age_ms", std::chrono::duration_cast<Millis>(transfer.age).count()}};
}

template <typename T, typename Convert>
Json array_of(const std::vector<T>& items, Convert convert) {
  Json array = Json::array();
  for (const T& item : items) array.push_back(convert(item));
  return array;
}

}  // namespace

std::string status_to_json(const AgentStatus& status) {
  const Json json = {{"node", status.node},
                     {"version", status.version},
                     {"ucx", status.ucx},
                     {"epoch", rendezvous::epoch_to_text(status.epoch)},
                     {"topology_hash", status.topology_hash},
                     {"ready", status.ready},
                     {"not_ready", status.not_ready},
                     {"draining", status.draining},
                     {"registered", status.registered},
                     {"links", array_of(status.links, link_json)},
                     {"sessions", array_of(status.sessions, session_json)},
                     {"regions", regions_json(status)},
                     {"gpus", array_of(status.gpus, gpu_json)},
                     {"offers", status.transfers.offers},
                     {"receives", status.transfers.receives},
                     {"transfers", array_of(status.transfers.transfers, transfer_json)}};
  // Names come from clients: what is not UTF-8 is replaced, not thrown at.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace pegaflow::agent
