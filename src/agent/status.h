// AgentStatus: what GET /v1/status tells. docs/AGENT.md explains each field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/link/link.h"
#include "agent/transfer/snapshot.h"
#include "base/strong_id.h"

namespace pegaflow::agent {

struct SessionStatus {
  SessionId id;
  std::string kind;  // "worker", "control"
  std::string instance;
  std::uint32_t pools = 0;
  bool stalled = false;
};

// What a region is made of.
struct RegionPlace {
  std::string memory;       // "host", "cuda"
  std::string gpu;          // whose memory; empty: the host's
  std::uint64_t bytes = 0;  // all slots
  std::uint64_t landing_bytes = 0;
  bool dmabuf = false;        // every segment was exported as a dma-buf
  std::string dmabuf_reason;  // why not
};

// What the agent's process holds of a GPU.
struct GpuStatus {
  std::string uuid;
  std::uint64_t region_bytes = 0;  // and their landings
  // The rest: context, code, streams. None: the driver does not tell.
  std::optional<std::uint64_t> context_bytes;
};

struct AgentStatus {
  std::string node;
  std::string version;
  std::string ucx;
  AgentEpoch epoch;
  std::string topology_hash;
  bool ready = false;
  std::string not_ready;  // why not
  bool draining = false;
  bool registered = false;  // at the rendezvous
  std::vector<LinkStatus> links;
  std::vector<SessionStatus> sessions;
  TransferSnapshot transfers;
  std::vector<RegionPlace> places;  // of transfers.regions, in their order
  std::vector<GpuStatus> gpus;
};

std::string status_to_json(const AgentStatus& status);

}  // namespace pegaflow::agent
