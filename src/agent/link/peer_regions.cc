#include "agent/link/peer_regions.h"

#include <algorithm>
#include <string>
#include <utility>

#include "agent/link/handshake.h"
#include "base/check.h"

namespace pegaflow::agent {

PeerRegions::PeerRegions(std::vector<wire::RegionGeometry> geometries) {
  for (wire::RegionGeometry& geometry : geometries) {
    PeerRegion region;
    region.shape = {.memory = geometry.memory,
                    .slot_bytes = geometry.slot_bytes,
                    .slot_count = geometry.slot_count,
                    .segments = geometry.segments,
                    .segment_bytes = geometry.segment_bytes};
    region.keys = std::move(geometry.rkeys);
    regions_.push_back(std::move(region));
  }
}

Status PeerRegions::unpack(transport::Worker& worker) {
  for (PeerRegion& region : regions_) {
    for (std::uint32_t i = 0; i < region.shape.segments; ++i) {
      PEGAFLOW_ASSIGN(auto memory, worker.unpack(region.keys.at(i)));
      if (memory->size() < region.shape.bytes_of(i)) {
        return Error(Code::kProtocol, "LINK: the key of segment " + std::to_string(i) + " covers " +
                                          std::to_string(memory->size()) + " bytes, expected " +
                                          std::to_string(region.shape.bytes_of(i)));
      }
      region.segments.push_back(std::move(memory));
    }
  }
  return {};
}

Status PeerRegions::map(const wire::LinkRegion& message, std::vector<UniqueFd> fds,
                        memory::Device& device) {
  if (message.index >= regions_.size() || regions_[message.index].mapping != nullptr) {
    return Error(Code::kProtocol, "LINK_REGION names region " + std::to_string(message.index) +
                                      ": expected each of " + std::to_string(regions_.size()) +
                                      " regions once");
  }
  PeerRegion& region = regions_[message.index];
  PEGAFLOW_ASSIGN(memory::MappedRegion mapping,
                  memory::MappedRegion::map(region.shape, std::move(fds), device));
  region.mapping = std::make_unique<memory::MappedRegion>(std::move(mapping));
  agent_writer_ = message.agent_writer;
  return {};
}

bool PeerRegions::all_mapped() const {
  return std::all_of(regions_.begin(), regions_.end(),
                     [](const PeerRegion& region) { return region.mapping != nullptr; });
}

Result<RemotePlace> PeerRegions::place(const wire::RemoteSlot& slot, std::uint32_t bytes) const {
  if (slot.region >= regions_.size() || slot.slot.value >= regions_[slot.region].shape.slot_count ||
      bytes > regions_[slot.region].shape.slot_bytes) {
    return Error(Code::kProtocol, "the peer has no slot " + std::to_string(slot.slot.value) +
                                      " of " + std::to_string(bytes) + " bytes in its region " +
                                      std::to_string(slot.region));
  }
  const PeerRegion& region = regions_[slot.region];
  const std::uint32_t per_segment = region.shape.slots_per_segment();
  PEGAFLOW_CHECK(region.segments.size() == region.shape.segments);
  return RemotePlace{region.segments[slot.slot.value / per_segment].get(),
                     std::uint64_t{slot.slot.value % per_segment} * region.shape.slot_bytes};
}

memory::MappedRegion* PeerRegions::mapped(std::uint16_t index) {
  return index < regions_.size() ? regions_[index].mapping.get() : nullptr;
}

std::vector<std::unique_ptr<memory::MappedRegion>> PeerRegions::take_mappings() {
  std::vector<std::unique_ptr<memory::MappedRegion>> mappings;
  for (PeerRegion& region : regions_) {
    if (region.mapping) mappings.push_back(std::move(region.mapping));
  }
  return mappings;
}

}  // namespace pegaflow::agent
