// AgentRecord: what an agent tells the others about itself. Addresses and rkeys are opaque bytes
// here. JSON form: docs/HTTP_API.md and docs/openapi/rendezvous.yaml.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong_id.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::rendezvous {

using Blob = std::vector<std::byte>;

// The agent's end of one link.
struct LinkRecord {
  std::string peer;
  std::string direction;  // "to": this agent sends to peer; "from": it receives
  LinkIncarnation incarnation;
  Blob worker_address;  // may be empty: none (a mapped link not yet up)
  bool operator==(const LinkRecord&) const = default;
};

struct RegionRecord {
  std::string name;
  MemoryKind memory = MemoryKind::kHost;
  std::uint64_t slot_bytes = 0;
  std::uint32_t slot_count = 0;
  std::vector<Blob> rkeys;  // one per segment, in order; empty: not registered with UCX
  bool operator==(const RegionRecord&) const = default;
};

struct PoolRecord {
  PoolId id;
  std::string instance;
  KvShape shape;
  bool operator==(const PoolRecord&) const = default;
};

struct BuildRecord {
  std::string version;
  std::string ucx;  // library version as loaded; empty: none
  bool operator==(const BuildRecord&) const = default;
};

struct AgentRecord {
  std::string name;
  AgentEpoch epoch;
  std::string control;        // "ip:port"
  std::string http;           // "ip:port"
  std::string topology_hash;  // 64 hex digits
  BuildRecord build;
  std::vector<std::string> transports;  // that its UCX offers
  std::vector<LinkRecord> links;
  std::vector<RegionRecord> regions;
  std::vector<PoolRecord> pools;
  bool operator==(const AgentRecord&) const = default;
};

// Limits of a record; beyond them record_from_json refuses (kResourceExhausted).
struct RecordLimits {
  static constexpr std::size_t kInstanceBytes = 64;
  static constexpr std::size_t kBlobBytes = 64 * 1024;
  static constexpr std::size_t kTransports = 64;
  static constexpr std::size_t kLinks = 4'096;
  static constexpr std::size_t kRegions = 256;
  static constexpr std::size_t kRkeys = 4'096;  // per region
  static constexpr std::size_t kPools = 4'096;
};

std::string record_to_json(const AgentRecord& record);
// kProtocol, with a JSON pointer in front: "/pools/0/shape/groups: expected …, got …".
Result<AgentRecord> record_from_json(std::string_view json);

// Epochs are 16 hex digits in JSON (64-bit numbers don't survive every JSON reader).
std::string epoch_to_text(AgentEpoch epoch);
Result<AgentEpoch> epoch_from_text(std::string_view text);

}  // namespace pegaflow::rendezvous
