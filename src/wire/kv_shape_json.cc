#include "wire/kv_shape_json.h"

#include <limits>

#include "base/hex.h"
#include "base/json_view.h"

namespace pegaflow {
namespace {

using nlohmann::json;

constexpr std::uint32_t kMaxU32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kMaxU64 = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t kMaxRankSize = 65'536;
constexpr std::size_t kMaxStages = 4'096;
constexpr std::size_t kMaxUuidBytes = 64;

json rank_json(const Rank& rank) {
  return {{"dp", rank.dp},           {"dp_size", rank.dp_size}, {"pp", rank.pp},
          {"pp_size", rank.pp_size}, {"tp", rank.tp},           {"tp_size", rank.tp_size}};
}

json group_json(const KvGroupShape& group) {
  return {{"stage_bounds", group.stage_bounds},
          {"heads_total", group.heads_total},
          {"parts", group.parts},
          {"part_bytes", group.part_bytes},
          {"element_bytes", group.element_bytes},
          {"block_tokens", group.block_tokens},
          {"window", group.window},
          {"inner_order", to_hex(group.inner_order)},
          {"opaque_block_bytes", group.opaque_block_bytes},
          {"opaque_digest", to_hex(group.opaque_digest)}};
}

Rank read_rank(const JsonView& view) {
  Rank rank;
  if (!view.object({"dp", "dp_size", "pp", "pp_size", "tp", "tp_size"})) return rank;
  const auto size = [&](const char* key) {
    return view[key].number<std::uint32_t>(1, kMaxRankSize);
  };
  const auto index = [&](const char* key) {
    return view[key].number<std::uint32_t>(0, kMaxRankSize - 1);
  };
  return {index("dp"), size("dp_size"), index("pp"), size("pp_size"), index("tp"), size("tp_size")};
}

KvGroupShape read_group(const JsonView& view) {
  KvGroupShape group;
  if (!view.object({"stage_bounds", "heads_total", "parts", "part_bytes", "element_bytes",
                    "block_tokens", "window", "inner_order", "opaque_block_bytes",
                    "opaque_digest"})) {
    return group;
  }
  const auto u32 = [&](const char* key) { return view[key].number<std::uint32_t>(0, kMaxU32); };
  for (const auto& bound : view["stage_bounds"].array(2, kMaxStages + 1)) {
    group.stage_bounds.push_back(bound.number<std::uint32_t>(0, kMaxU32));
  }
  std::size_t part = 0;
  for (const auto& bytes : view["part_bytes"].array(2, 2)) {
    group.part_bytes.at(part++) = bytes.number<std::uint32_t>(0, kMaxU32);
  }
  group.heads_total = u32("heads_total");
  group.parts = u32("parts");
  group.element_bytes = u32("element_bytes");
  group.block_tokens = u32("block_tokens");
  group.window = u32("window");
  group.inner_order = view["inner_order"].hex_u64();
  group.opaque_block_bytes = view["opaque_block_bytes"].integer(0, kMaxU64);
  view["opaque_digest"].hex(group.opaque_digest);
  return group;
}

}  // namespace

std::string shape_to_json(const KvShape& shape) {
  json groups = json::array();
  for (const auto& group : shape.groups) groups.push_back(group_json(group));
  return json_text({{"rank", rank_json(shape.rank)},
                    {"groups", std::move(groups)},
                    {"fingerprint", to_hex(shape.fingerprint)},
                    {"incarnation", to_hex(shape.incarnation)},
                    {"gpu_uuid", shape.gpu_uuid}});
}

Result<KvShape> shape_from_json(std::string_view text) {
  PEGAFLOW_ASSIGN(const json document, parse_json(text));
  JsonFaults faults;
  const JsonView view(document, faults);
  KvShape shape;
  if (view.object({"rank", "groups", "fingerprint", "incarnation", "gpu_uuid"})) {
    shape.rank = read_rank(view["rank"]);
    for (const auto& group : view["groups"].array(1, KvShape::kMaxGroups)) {
      shape.groups.push_back(read_group(group));
    }
    view["fingerprint"].hex(shape.fingerprint);
    shape.incarnation = view["incarnation"].hex_u64();
    shape.gpu_uuid = view["gpu_uuid"].text({0, kMaxUuidBytes, nullptr});
  }
  PEGAFLOW_TRY(faults.status(Code::kProtocol));
  return shape;
}

}  // namespace pegaflow
