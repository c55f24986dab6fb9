// AgentStatus: what GET /v1/status tells. docs/AGENT.md explains each field.
#pragma once

#include <cstdint>
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
};

std::string status_to_json(const AgentStatus& status);

}  // namespace pegaflow::agent
