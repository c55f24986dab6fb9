// The rules of LINK and LINK_OK: who says what, and what the other side insists on. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/link/terms.h"
#include "memory/region.h"
#include "pegaflow/result.h"
#include "wire/setup.h"

namespace pegaflow::agent {

// What one agent brings to every handshake.
struct LinkIdentity {
  AgentEpoch epoch;
  std::string topology_hash;
  std::string boot_id;  // of the running kernel
};
// kSystem: /proc is not there.
Result<std::string> read_boot_id();

// Feature bits; none exist yet, so none may be demanded.
inline constexpr std::uint64_t kLinkFeatures = 0;

// What P knows of earlier incarnations of a link.
struct LinkHistory {
  AgentEpoch epoch;  // D's; 0: it never came
  LinkIncarnation incarnation;
};

// P's verdict on LINK. Each error names both sides' values; kUnsupported and kFailedPrecondition
// stay until somebody changes a file, kUnavailable passes.
Status check_link(const wire::Link& link, const LinkTerms& terms, const LinkIdentity& own,
                  const LinkHistory& history);
// The highest control version both speak. REQUIRES check_link or check_link_ok.
std::uint16_t negotiated_version(const wire::Link& link);

// D's verdict on LINK_OK.
Status check_link_ok(const wire::LinkOk& answer, const wire::Link& asked);

// D's regions as LINK tells them, and back; kProtocol: impossible numbers or missing rkeys.
wire::RegionGeometry geometry_of(const memory::Region& region,
                                 std::vector<std::vector<std::byte>> rkeys);
Result<memory::RegionShape> shape_of(const wire::RegionGeometry& geometry, bool with_rkeys);

}  // namespace pegaflow::agent
