#include "topology/read_fields.h"

#include <algorithm>
#include <charconv>

namespace pegaflow::topology {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kPage = 4'096;
constexpr std::uint64_t kMaxSlotBytes = std::uint64_t{4} << 30;
constexpr std::uint32_t kMaxSlotCount = 1U << 20U;
constexpr std::uint64_t kMaxMillis = 86'400'000;
constexpr std::size_t kMaxNodes = 1'024;
constexpr std::size_t kMaxLinks = 4'096;
constexpr std::size_t kMaxPerNode = 64;  // GPUs, regions, NICs, UCX settings
constexpr std::size_t kMaxTransports = 8;
constexpr std::uint32_t kMaxWindow = 1'024;

constexpr TextRule kHostRule{1, 128, "._-:"};
constexpr TextRule kUuidRule{1, 64, "-/"};
constexpr TextRule kSocketRule{2, 100, "/._-+@"};  // shorter than sun_path: room for a suffix
constexpr TextRule kTlsRule{1, 256, "_,:^"};
constexpr TextRule kDevicesRule{1, 256, "_,:.-^*[]"};
constexpr TextRule kSettingValueRule{1, 256, nullptr};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Splits "host:port" and "[v6]:port" by form alone; port 0 and out of range come back as nullopt.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<std::uint16_t> read_port(std::string_view digits) {
  std::uint32_t port = 0;
  if (digits.empty() || digits.size() > 5 || digits.front() == '0') return std::nullopt;
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return std::nullopt;
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (port > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

bool only(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           also.find(c) != std::string_view::npos;
  });
}

bool only_hex(std::string_view text, std::string_view also) {
  return text.find_first_not_of("0123456789abcdefABCDEF" + std::string(also)) ==
         std::string_view::npos;
}

std::optional<HostPort> split(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto port = read_port(text.substr(colon + 1));
  if (!port.has_value()) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[') {
    if (host.size() < 4 || host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos || !only_hex(host, ":.")) return std::nullopt;
  } else if (!only(host, ".-")) {
    return std::nullopt;
  }
  return HostPort{std::string(host), *port};
}

std::string string_of(const JsonView& view) {
  return view.present() && view.raw().is_string() ? view.raw().get<std::string>() : std::string();
}

IpPort read_ip_port(const JsonView& view) {
  const auto parts = split(string_of(view));
  const bool ip =
      parts.has_value() && (parts->host.find(':') != std::string::npos ||
                            parts->host.find_first_not_of("0123456789.") == std::string::npos);
  if (ip) return {parts->host, parts->port};
  if (view.present()) view.expected("\"ip:port\" or \"[ip]:port\", the port from 1 to 65535");
  return {};
}

HttpUrl read_url(const JsonView& view) {
  constexpr std::string_view kScheme = "http://";
  const std::string text = string_of(view);
  if (text.starts_with(kScheme)) {
    const auto parts = split(std::string_view(text).substr(kScheme.size()));
    if (parts.has_value()) return {parts->host, parts->port};
  }
  if (view.present()) view.expected("\"http://host:port\", the port from 1 to 65535");
  return {};
}

Gpu read_gpu(const JsonView& view) {
  Gpu gpu;
  if (!view.object({"index", "uuid"}, {"nics"})) return gpu;
  gpu.index = view["index"].number<std::uint32_t>(0, 255);
  gpu.uuid = view["uuid"].text(kUuidRule);
  for (const auto& nic : view["nics"].array(0, kMaxPerNode)) {
    gpu.nics.push_back(nic.text(kHostRule));
  }
  return gpu;
}

std::uint64_t read_slot_bytes(const JsonView& view) {
  if (!view.present()) return 0;
  JsonFaults unused;
  const std::uint64_t bytes = JsonView(view.raw(), unused).integer(kPage, kMaxSlotBytes);
  if (unused.empty() && (bytes & (bytes - 1)) == 0) return bytes;
  view.expected("a power of two from 4096 to 4294967296");
  return 0;
}

std::uint64_t read_chunk_bytes(const JsonView& view) {
  const std::uint64_t bytes = view.integer(kPage, kMaxSlotBytes);
  if (bytes % kPage != 0) view.expected("a multiple of 4096");
  return bytes;
}

RegionSpec read_region(const JsonView& view) {
  RegionSpec region;
  if (!view.object({"name", "memory", "slot_bytes", "slot_count"}, {"gpu"})) return region;
  region.name = view["name"].text(kNameRule);
  region.memory =
      view["memory"].one_of({"host", "cuda"}) == 1 ? MemoryKind::kCuda : MemoryKind::kHost;
  region.slot_bytes = read_slot_bytes(view["slot_bytes"]);
  region.slot_count = view["slot_count"].number<std::uint32_t>(1, kMaxSlotCount);
  if (view.has("gpu")) region.gpu = view["gpu"].number<std::uint32_t>(0, 255);
  return region;
}

bool is_setting_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.starts_with("UCX_")) return false;
  if (name == "TLS" || name == "NET_DEVICES") return false;
  return name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string_view::npos;
}

UcxSpec read_ucx(const JsonView& view) {
  UcxSpec ucx;
  if (!view.object({"tls"}, {"net_devices", "settings"})) return ucx;
  ucx.tls = view["tls"].text(kTlsRule);
  ucx.net_devices = view["net_devices"].text(kDevicesRule);
  for (const auto& [name, value] : view["settings"].members(kMaxPerNode)) {
    if (!is_setting_name(name)) {
      value.fault(
          "expected a UCX setting's name in capitals, without UCX_, other than TLS and "
          "NET_DEVICES, which have keys of their own");
    }
    ucx.settings.emplace_back(name, value.text(kSettingValueRule));
  }
  return ucx;
}

std::string read_socket(const JsonView& view) {
  std::string path = view.text(kSocketRule);
  if (!path.empty() && path.front() != '/') view.expected("an absolute path");
  return path;
}

Node read_node(const JsonView& view) {
  Node node;
  if (!view.object({"name", "host", "role", "control", "http", "socket", "regions", "ucx"},
                   {"gpus"})) {
    return node;
  }
  node.name = view["name"].text(kNameRule);
  node.host = view["host"].text(kHostRule);
  node.role = static_cast<Role>(view["role"].one_of({"prefill", "decode", "both"}));
  node.control = read_ip_port(view["control"]);
  node.http = read_ip_port(view["http"]);
  node.socket = read_socket(view["socket"]);
  for (const auto& gpu : view["gpus"].array(0, kMaxPerNode)) node.gpus.push_back(read_gpu(gpu));
  for (const auto& region : view["regions"].array(1, kMaxPerNode)) {
    node.regions.push_back(read_region(region));
  }
  node.ucx = read_ucx(view["ucx"]);
  return node;
}

std::string read_transport(const JsonView& view) {
  view.one_of({"tcp", "rc_verbs", "rc_mlx5", "cuda_ipc", "cma", "posix", "sysv"});
  return string_of(view);
}

LinkSpec read_link(const JsonView& view) {
  LinkSpec link;
  if (!view.object({"from", "to", "window", "chunk_bytes"}, {"transports", "path", "integrity"})) {
    return link;
  }
  link.from = view["from"].text(kNameRule);
  link.to = view["to"].text(kNameRule);
  for (const auto& transport : view["transports"].array(1, kMaxTransports)) {
    link.transports.push_back(read_transport(transport));
  }
  link.path = static_cast<LinkPath>(view["path"].one_of({"auto", "direct", "agent", "ucx"}));
  link.window = view["window"].number<std::uint32_t>(1, kMaxWindow);
  link.chunk_bytes = read_chunk_bytes(view["chunk_bytes"]);
  if (view.has("integrity")) link.integrity = view["integrity"].boolean();
  return link;
}

Deadlines read_deadlines(const JsonView& view) {
  Deadlines deadlines;
  view.object({}, {"offer_wait_ms", "compute_ms", "progress_ms", "scatter_ms", "total_ms",
                   "lease_ms", "quiesce_ms", "quarantine_ms", "tombstone_ms", "flush_ms",
                   "engine_tick_ms", "heartbeat_ms", "dead_after_ms"});
  const auto read = [&](std::string_view key, milliseconds& out, std::uint64_t min = 1) {
    if (view.has(key)) out = milliseconds(view[key].integer(min, kMaxMillis));
  };
  read("offer_wait_ms", deadlines.offer_wait);
  read("compute_ms", deadlines.compute, 0);
  read("progress_ms", deadlines.progress);
  read("scatter_ms", deadlines.scatter);
  read("total_ms", deadlines.total);
  read("lease_ms", deadlines.lease);
  read("quiesce_ms", deadlines.quiesce);
  read("quarantine_ms", deadlines.quarantine);
  read("tombstone_ms", deadlines.tombstone);
  read("flush_ms", deadlines.flush);
  read("engine_tick_ms", deadlines.engine_tick);
  read("heartbeat_ms", deadlines.heartbeat);
  read("dead_after_ms", deadlines.dead_after);
  return deadlines;
}

Limits read_limits(const JsonView& view) {
  Limits limits;
  view.object({}, {"max_sessions", "max_pools", "max_offers", "max_intents", "max_receives",
                   "max_streams", "max_tombstones"});
  const auto read = [&](std::string_view key, std::uint32_t& out, std::uint32_t max) {
    if (view.has(key)) out = view[key].number<std::uint32_t>(1, max);
  };
  constexpr std::uint32_t kMany = 1U << 20U;
  read("max_sessions", limits.max_sessions, 65'535);
  read("max_pools", limits.max_pools, 65'536);
  read("max_offers", limits.max_offers, kMany);
  read("max_intents", limits.max_intents, kMany);
  read("max_receives", limits.max_receives, kMany);
  read("max_streams", limits.max_streams, kMany);
  read("max_tombstones", limits.max_tombstones, 65'536);
  return limits;
}

}  // namespace

Topology read_topology(const JsonView& root) {
  Topology topology;
  if (!root.object({"cluster", "rendezvous", "nodes", "links"}, {"deadlines", "limits"})) {
    if (!root.raw().is_object()) return topology;
  }
  topology.cluster = root["cluster"].text(kNameRule);
  topology.rendezvous = read_url(root["rendezvous"]);
  for (const auto& node : root["nodes"].array(1, kMaxNodes)) {
    topology.nodes.push_back(read_node(node));
  }
  for (const auto& link : root["links"].array(0, kMaxLinks)) {
    topology.links.push_back(read_link(link));
  }
  if (root.has("deadlines")) topology.deadlines = read_deadlines(root["deadlines"]);
  if (root.has("limits")) topology.limits = read_limits(root["limits"]);
  return topology;
}

}  // namespace pegaflow::topology
