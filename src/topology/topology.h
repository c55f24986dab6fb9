// The static description of a deployment: nodes, regions, links, deadlines, limits. Values only;
// they come from topology.json (parse.h) or, in tests, from code. docs/TOPOLOGY.md explains each
// key; config/topology.schema.json is the same in JSON Schema.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::topology {

enum class Role : std::uint8_t { kPrefill, kDecode, kBoth };
enum class LinkPath : std::uint8_t {
  kAuto,    // same host: mapped, direct where the engines can map the slots, else by the agent
  kDirect,  // mapped; P's engine writes D's slots itself
  kAgent,   // mapped; P's agent copies slot to slot
  kUcx,     // UCX puts, also on one host
};

std::string_view to_string(Role role);
std::string_view to_string(LinkPath path);
std::string_view to_string(MemoryKind memory);

// A numeric address and a port; `ip` without brackets.
struct IpPort {
  std::string ip;
  std::uint16_t port = 0;
  bool operator==(const IpPort&) const = default;
  std::string text() const;  // "10.0.0.1:7001", "[::1]:7001"
};

// An http:// URL without a path; `host` may be a name.
struct HttpUrl {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const HttpUrl&) const = default;
  std::string text() const;
};

struct Gpu {
  std::uint32_t index = 0;  // as the driver numbers them on that host
  std::string uuid;         // "GPU-…", as nvidia-smi -L prints it
  std::vector<std::string> nics;
};

// Staging memory, allocated at start: slot_count slots of slot_bytes.
struct RegionSpec {
  std::string name;
  MemoryKind memory = MemoryKind::kHost;
  std::uint64_t slot_bytes = 0;  // a power of two, 4 KiB … 4 GiB
  std::uint32_t slot_count = 0;
  std::optional<std::uint32_t> gpu;  // Gpu::index; set exactly when memory is kCuda
  std::uint64_t bytes() const { return slot_bytes * slot_count; }
};

// Settings of the node's UCX context. Names in `settings` lack the UCX_ prefix and are sorted.
struct UcxSpec {
  std::string tls;
  std::string net_devices;  // empty: UCX's choice
  std::vector<std::pair<std::string, std::string>> settings;
};

struct Node {
  std::string name;
  std::string host;  // nodes with equal hosts share a machine
  Role role = Role::kBoth;
  IpPort control;      // link sockets: the agent listens here, peers dial it
  IpPort http;         // the agent's own HTTP
  std::string socket;  // absolute path of the Unix socket for engines
  std::vector<Gpu> gpus;
  std::vector<RegionSpec> regions;
  UcxSpec ucx;

  bool prefills() const { return role != Role::kDecode; }
  bool decodes() const { return role != Role::kPrefill; }
  const RegionSpec* region(std::string_view region_name) const;
  // The GPU whose memory the region is; nullptr: host memory.
  const Gpu* gpu_of(const RegionSpec& region) const;
};

// One allowed pair, P → D.
struct LinkSpec {
  std::string from;                     // P
  std::string to;                       // D
  std::vector<std::string> transports;  // data lanes it may use; empty exactly when mapped
  LinkPath path = LinkPath::kAuto;
  std::uint32_t window = 0;       // slots per stream
  std::uint64_t chunk_bytes = 0;  // ≤ slot_bytes of every region of both nodes
  bool integrity = true;          // a checksum per chunk
};

// PROTOCOL.md's timers; the defaults are its defaults. Each ≥ 1 ms, except compute.
struct Deadlines {
  std::chrono::milliseconds offer_wait{30'000};
  std::chrono::milliseconds compute{0};  // 0: off
  std::chrono::milliseconds progress{5'000};
  std::chrono::milliseconds scatter{5'000};
  std::chrono::milliseconds total{120'000};
  std::chrono::milliseconds lease{30'000};
  std::chrono::milliseconds quiesce{3'000};
  std::chrono::milliseconds quarantine{5'000};
  std::chrono::milliseconds tombstone{120'000};
  std::chrono::milliseconds flush{2'000};
  std::chrono::milliseconds engine_tick{3'000};
  std::chrono::milliseconds heartbeat{500};
  std::chrono::milliseconds dead_after{3'000};
  bool operator==(const Deadlines&) const = default;
};

// Per agent. What exceeds one is refused with kResourceExhausted, naming it.
struct Limits {
  std::uint32_t max_sessions = 256;  // ≤ 65,535: a session's number is a slot word's writer
  std::uint32_t max_pools = 256;
  std::uint32_t max_offers = 16'384;   // live offers
  std::uint32_t max_intents = 16'384;  // intents waiting for their offer
  std::uint32_t max_receives = 4'096;  // live receives (xfers)
  std::uint32_t max_streams = 16'384;  // live streams, as source and as sink together
  std::uint32_t max_tombstones = 65'536;
  bool operator==(const Limits&) const = default;
};

struct Topology {
  std::string cluster;
  HttpUrl rendezvous;
  std::vector<Node> nodes;
  std::vector<LinkSpec> links;
  Deadlines deadlines;
  Limits limits;
  std::string hash;                   // SHA-256 (hex) of the canonical JSON
  std::vector<std::string> warnings;  // each with a JSON pointer in front

  const Node* node(std::string_view name) const;  // nullptr: unknown
  const LinkSpec* link(std::string_view from, std::string_view to) const;
  // Links that start or end at `name`, in file order.
  std::vector<const LinkSpec*> links_of(std::string_view name) const;
  // Both nodes on one host, and path isn't ucx. REQUIRES: link's nodes are of this topology.
  bool is_mapped(const LinkSpec& link) const;
};

}  // namespace pegaflow::topology
