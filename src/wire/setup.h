// Set-up messages: JSON texts on the session socket (client ↔ agent) and on the link socket
// (agent ↔ agent). Files travel beside them (SCM_RIGHTS). ≤ kMaxSetupBytes on a session socket.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/strong_id.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/kv_shape.h"
#include "pegaflow/result.h"
#include "wire/control.h"

namespace pegaflow::wire {

inline constexpr std::size_t kMaxSetupBytes = 64 * 1024;        // session socket
inline constexpr std::size_t kMaxLinkFrameBytes = 1024 * 1024;  // link socket
inline constexpr std::uint32_t kOldestSetupVersion = 1, kSetupVersion = 2;
// From this one on agents tell clients of lent slots.
inline constexpr std::uint32_t kFirstSetupVersionWithLent = 2;
inline constexpr std::size_t kMaxReaches = 64;  // GPUs

enum class SessionKind : std::uint8_t { kWorker = 1, kControl = 2 };

// ---- session socket; client → agent unless said otherwise. `[n fds]` travel with the message.
struct Hello {
  std::uint32_t version_min = kOldestSetupVersion, version_max = kSetupVersion;
  SessionKind kind{};
  std::string instance;
  Rank rank;
  std::uint64_t incarnation = 0;
  std::int64_t pid = 0;
  bool operator==(const Hello&) const = default;
};
// Agent →. [3 fds: ring memfd, event fd the client sleeps on, event fd the agent sleeps on]
struct Welcome {
  std::uint32_t version = kSetupVersion;
  AgentEpoch epoch;
  SessionId session;
  std::string agent;               // the node's name
  std::uint32_t ring_entries = 0;  // of each of the two rings; a power of two
  std::uint32_t total_ms = 0, engine_tick_ms = 0, lease_ms = 0;  // defaults of the topology
  bool operator==(const Welcome&) const = default;
};
struct No {
  Code code{};
  std::string reason;
  bool operator==(const No&) const = default;
};  // agent →; the socket closes
struct AddPool {
  std::uint32_t request = 0;
  MemoryKind memory{};
  KvShape shape;
  std::vector<std::string> reaches{};  // GPUs whose memory this engine's copies can write, by UUID
  bool operator==(const AddPool&) const = default;
};
struct PoolOk {
  std::uint32_t request = 0;
  PoolId pool;
  bool operator==(const PoolOk&) const = default;
};  // agent →
struct PoolNo {
  std::uint32_t request = 0;
  Code code{};
  std::string reason;
  bool operator==(const PoolNo&) const = default;
};  // agent →
// Agent →. [segments + 2 fds: the segments in order, the control memfd, the bell]
struct MapRegion {
  RegionId region;
  bool own = false;  // of the client's own agent
  WriterId writer;   // what this client puts into words it claims
  MemoryKind memory{};
  std::uint64_t slot_bytes = 0;
  std::uint32_t slot_count = 0;
  std::uint32_t segments = 0;
  std::uint64_t segment_bytes = 0;  // of each but the last, which may be shorter
  bool operator==(const MapRegion&) const = default;
};
struct UnmapRegion {
  RegionId region;
  bool operator==(const UnmapRegion&) const = default;
};  // agent →
struct Unmapped {
  RegionId region;
  bool operator==(const Unmapped&) const = default;
};
struct PeerPool {
  PoolId pool;
  std::string instance;
  KvShape shape;
  bool operator==(const PeerPool&) const = default;
};  // agent →; before STREAM
struct PeerGone {
  PoolId pool;
  bool operator==(const PeerGone&) const = default;
};  // agent →

using SessionMessage = std::variant<Hello, Welcome, No, AddPool, PoolOk, PoolNo, MapRegion,
                                    UnmapRegion, Unmapped, PeerPool, PeerGone>;
Result<std::string> encode_session(const SessionMessage& message);
Result<SessionMessage> decode_session(std::string_view text);

// ---- link socket
struct RegionGeometry {
  std::string name;
  MemoryKind memory{};
  std::uint64_t slot_bytes = 0;
  std::uint32_t slot_count = 0;
  std::uint32_t segments = 0;
  std::uint64_t segment_bytes = 0;
  std::vector<std::vector<std::byte>> rkeys;  // one wrapped rkey per segment; empty on mapped links
  bool operator==(const RegionGeometry&) const = default;
};
// D → P: opens the link. Mapped: [1 fd: D agent's pidfd is taken from the socket; none sent]
struct Link {
  std::uint32_t version_min = kControlVersion, version_max = kControlVersion;
  std::uint64_t features = 0;
  std::string from, to;              // names: the sender (D) and the receiver (P)
  AgentEpoch epoch, expected_epoch;  // expected 0: any
  LinkIncarnation incarnation;       // chosen by D, grows with each rebuild
  std::string topology_hash;
  bool mapped = false;
  std::string boot_id;                  // mapped: must be equal on both sides
  std::vector<RegionGeometry> regions;  // D's
  std::vector<std::byte> worker;        // wrapped UCX address of the sender's worker of this link
  std::vector<std::byte> probe;  // wrapped rkey of scratch memory that P may overwrite to measure
                                 // the link; empty on mapped links
  bool operator==(const Link&) const = default;
};
struct LinkOk {  // P → D
  std::uint32_t version = kControlVersion;
  std::uint64_t features = 0;
  AgentEpoch epoch;
  LinkIncarnation incarnation;
  std::vector<std::byte> worker;
  bool operator==(const LinkOk&) const = default;
};
struct LinkNo {
  Code code{};
  std::string reason;
  bool operator==(const LinkNo&) const = default;
};
// Owner → other (mapped links). [segments + 2 fds]
struct LinkRegion {
  std::uint16_t index = 0;
  WriterId agent_writer;
  bool operator==(const LinkRegion&) const = default;
};
struct LinkPool {
  PoolId pool;
  std::string instance;
  bool direct = false;  // from P, mapped: the engine writes D's slots itself
  KvShape shape;
  bool operator==(const LinkPool&) const = default;
};  // both; mapped: [1 fd: pidfd of the engine]
struct LinkPoolOk {
  PoolId pool;
  WriterId writer;
  bool operator==(const LinkPoolOk&) const = default;
};  // mapped: the writer number the engine gets
struct LinkPoolGone {
  PoolId pool;
  bool operator==(const LinkPoolGone&) const = default;
};
// P → D: what P measured; after the link came up, and when D asked.
struct LinkProbe {
  std::uint64_t bytes_per_second = 0;
  std::uint64_t round_trip_ns = 0;
  bool operator==(const LinkProbe&) const = default;
};
struct LinkProbeAsk {
  bool operator==(const LinkProbeAsk&) const = default;
};  // D → P: measure anew

using LinkMessage = std::variant<Link, LinkOk, LinkNo, LinkRegion, LinkPool, LinkPoolOk,
                                 LinkPoolGone, LinkProbe, LinkProbeAsk>;
Result<std::string> encode_link(const LinkMessage& message);
Result<LinkMessage> decode_link(std::string_view text);

}  // namespace pegaflow::wire
