#include "rendezvous/record.h"

#include <limits>

#include "base/base64.h"
#include "base/json_view.h"
#include "rendezvous/record_json.h"
#include "wire/kv_shape_json.h"

namespace pegaflow::rendezvous {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxSlotBytes = std::uint64_t{4} << 30;
constexpr std::uint32_t kMaxSlots = 1U << 20U;
constexpr std::uint32_t kMaxU32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kHashDigits = 64;
constexpr TextRule kAddressRule{3, 64, ".:[]"};
constexpr TextRule kTransportRule{1, 32, "_"};
constexpr TextRule kVersionRule{1, 128, nullptr};
constexpr TextRule kOptionalVersionRule{0, 128, nullptr};
constexpr TextRule kInstanceRule{1, RecordLimits::kInstanceBytes, nullptr};

json link_json(const LinkRecord& link) {
  return {{"peer", link.peer},
          {"direction", link.direction},
          {"incarnation", link.incarnation.value},
          {"worker_address", to_base64(link.worker_address)}};
}

json region_json(const RegionRecord& region) {
  json rkeys = json::array();
  for (const auto& rkey : region.rkeys) rkeys.push_back(to_base64(rkey));
  return {{"name", region.name},
          {"memory", region.memory == MemoryKind::kCuda ? "cuda" : "host"},
          {"slot_bytes", region.slot_bytes},
          {"slot_count", region.slot_count},
          {"rkeys", std::move(rkeys)}};
}

LinkRecord read_link(const JsonView& view) {
  LinkRecord link;
  if (!view.open_object({"peer", "direction", "incarnation", "worker_address"})) return link;
  link.peer = view["peer"].text(kNameRule);
  link.direction = view["direction"].one_of({"to", "from"}) == 0 ? "to" : "from";
  link.incarnation = {view["incarnation"].number<std::uint32_t>(0, kMaxU32)};
  link.worker_address = view["worker_address"].base64(RecordLimits::kBlobBytes);
  return link;
}

RegionRecord read_region(const JsonView& view) {
  RegionRecord region;
  if (!view.open_object({"name", "memory", "slot_bytes", "slot_count", "rkeys"})) return region;
  region.name = view["name"].text(kNameRule);
  region.memory =
      view["memory"].one_of({"host", "cuda"}) == 1 ? MemoryKind::kCuda : MemoryKind::kHost;
  region.slot_bytes = view["slot_bytes"].integer(1, kMaxSlotBytes);
  region.slot_count = view["slot_count"].number<std::uint32_t>(1, kMaxSlots);
  for (const auto& rkey : view["rkeys"].array(0, RecordLimits::kRkeys)) {
    region.rkeys.push_back(rkey.base64(RecordLimits::kBlobBytes));
  }
  return region;
}

KvShape read_shape(const JsonView& view) {
  if (!view.present()) return {};
  auto shape = shape_from_json(json_text(view.raw()));
  if (shape.ok()) return std::move(shape).value();
  // "/groups/0: expected …": its pointer continues this view's.
  const std::string& message = shape.error().message();
  const auto colon = message.find(": ");
  view.faults().add(view.pointer() + message.substr(0, colon), message.substr(colon + 2));
  return {};
}

PoolRecord read_pool(const JsonView& view) {
  PoolRecord pool;
  if (!view.open_object({"id", "instance", "shape"})) return pool;
  pool.id = {view["id"].number<std::uint32_t>(1, kMaxU32)};
  pool.instance = view["instance"].text(kInstanceRule);
  pool.shape = read_shape(view["shape"]);
  return pool;
}

BuildRecord read_build(const JsonView& view) {
  if (!view.open_object({"version", "ucx"})) return {};
  return {view["version"].text(kVersionRule), view["ucx"].text(kOptionalVersionRule)};
}

std::string read_hash(const JsonView& view) {
  std::array<std::uint8_t, kHashDigits / 2> unused{};
  view.hex(unused);
  return view.present() && view.raw().is_string() ? view.raw().get<std::string>() : "";
}

}  // namespace

json pool_json(const PoolRecord& pool) {
  return {{"id", pool.id.value},
          {"instance", pool.instance},
          {"shape", json::parse(shape_to_json(pool.shape))}};
}

AgentRecord read_record(const JsonView& view) {
  AgentRecord record;
  if (!view.open_object({"name", "epoch", "control", "http", "topology_hash", "build", "transports",
                         "links", "regions", "pools"})) {
    return record;
  }
  record.name = view["name"].text(kNameRule);
  record.epoch = {view["epoch"].hex_u64()};
  record.control = view["control"].text(kAddressRule);
  record.http = view["http"].text(kAddressRule);
  record.topology_hash = read_hash(view["topology_hash"]);
  record.build = read_build(view["build"]);
  for (const auto& transport : view["transports"].array(0, RecordLimits::kTransports)) {
    record.transports.push_back(transport.text(kTransportRule));
  }
  for (const auto& link : view["links"].array(0, RecordLimits::kLinks)) {
    record.links.push_back(read_link(link));
  }
  for (const auto& region : view["regions"].array(0, RecordLimits::kRegions)) {
    record.regions.push_back(read_region(region));
  }
  for (const auto& pool : view["pools"].array(0, RecordLimits::kPools)) {
    record.pools.push_back(read_pool(pool));
  }
  return record;
}

std::string record_to_json(const AgentRecord& record) {
  json links = json::array();
  for (const auto& link : record.links) links.push_back(link_json(link));
  json regions = json::array();
  for (const auto& region : record.regions) regions.push_back(region_json(region));
  json pools = json::array();
  for (const auto& pool : record.pools) pools.push_back(pool_json(pool));
  return json_text({{"name", record.name},
                    {"epoch", epoch_to_text(record.epoch)},
                    {"control", record.control},
                    {"http", record.http},
                    {"topology_hash", record.topology_hash},
                    {"build", {{"version", record.build.version}, {"ucx", record.build.ucx}}},
                    {"transports", record.transports},
                    {"links", std::move(links)},
                    {"regions", std::move(regions)},
                    {"pools", std::move(pools)}});
}

Result<AgentRecord> record_from_json(std::string_view text) {
  PEGAFLOW_ASSIGN(const json document, parse_json(text));
  JsonFaults faults;
  AgentRecord record = read_record(JsonView(document, faults));
  PEGAFLOW_TRY(faults.status(Code::kProtocol));
  return record;
}

}  // namespace pegaflow::rendezvous
