// PeerRegions: at P, D's regions as this agent can write them: by remote keys (UCX) or mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/strong_id.h"
#include "base/unique_fd.h"
#include "memory/region.h"
#include "pegaflow/result.h"
#include "transport/transport.h"
#include "wire/setup.h"

namespace pegaflow::agent {

// Where one slot lies in a registered run of the peer's memory.
struct RemotePlace {
  transport::RemoteMemory* memory;
  std::uint64_t offset;
};

class PeerRegions {
 public:
  // REQUIRES: geometries that passed check_link.
  explicit PeerRegions(std::vector<wire::RegionGeometry> geometries);

  // Unpacks all rkeys for this worker. kProtocol: a key covers less than its segment.
  Status unpack(transport::Worker& worker);
  // Maps what LINK_REGION brought, for `device`'s copies. kProtocol: no such region, or it came
  // already; kUnsupported: the device does not reach it.
  Status map(const wire::LinkRegion& message, std::vector<UniqueFd> fds, memory::Device& device);
  bool all_mapped() const;

  // kProtocol: the peer named a slot that it does not have, or one of fewer than `bytes`.
  Result<RemotePlace> place(const wire::RemoteSlot& slot, std::uint32_t bytes) const;
  memory::MappedRegion* mapped(std::uint16_t index);
  // This agent's number in the region's words.
  WriterId agent_writer() const { return agent_writer_; }
  std::size_t size() const { return regions_.size(); }
  // The mappings, for whoever must keep them until a copy has ended.
  std::vector<std::unique_ptr<memory::MappedRegion>> take_mappings();

 private:
  struct PeerRegion {
    memory::RegionShape shape;
    std::vector<transport::Blob> keys;
    std::vector<std::unique_ptr<transport::RemoteMemory>> segments;  // UCX
    std::unique_ptr<memory::MappedRegion> mapping;                   // mapped
  };
  std::vector<PeerRegion> regions_;
  WriterId agent_writer_;
};

}  // namespace pegaflow::agent
