// What an agent's GET /v1/status says, as far as pegaflowctl uses it. docs/openapi/agent.yaml.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pegaflow/result.h"

namespace pegaflow::ctl {

struct LinkDocument {
  std::string peer;
  std::string direction;  // "to", "from"
  std::string state;      // "up" is well
  std::string reason;     // why it isn't up
  std::string path;
  std::string transport;
  std::uint64_t bytes_per_second = 0;  // 0: not measured
  std::uint64_t round_trip_ns = 0;
};

struct RegionDocument {
  std::string name;
  std::string memory;                                        // "host", "cuda"
  bool dmabuf = false;                                       // exported as a dma-buf
  std::string dmabuf_reason;                                 // why not
  std::vector<std::pair<std::string, std::uint64_t>> slots;  // state → how many
};

struct GpuDocument {
  std::string uuid;
  std::uint64_t region_bytes = 0;
  std::optional<std::uint64_t> context_bytes;  // none: not known
};

struct AgentDocument {
  std::string version;
  std::string epoch;
  bool ready = false;
  std::string not_ready;  // why
  bool draining = false;
  std::uint64_t sessions = 0;
  std::uint64_t offers = 0;
  std::uint64_t receives = 0;
  std::uint64_t transfers = 0;
  std::vector<LinkDocument> links;
  std::vector<RegionDocument> regions;
  std::vector<GpuDocument> gpus;
};

// kProtocol, with a JSON pointer. Keys that it doesn't know are skipped.
Result<AgentDocument> read_agent_document(std::string_view json);

}  // namespace pegaflow::ctl
