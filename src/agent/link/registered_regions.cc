#include "agent/link/registered_regions.h"

#include <utility>

#include "base/check.h"

namespace pegaflow::agent {

Result<RegisteredRegions> RegisteredRegions::create(transport::Context& context,
                                                    std::span<memory::Region* const> regions) {
  RegisteredRegions all;
  for (const memory::Region* region : regions) {
    Registered registered{region, {}};
    for (const std::span<std::byte> segment : region->segments()) {
      auto memory = context.register_memory(segment);
      if (!memory.ok()) return memory.error().within("registering region " + region->name());
      registered.segments.push_back(std::move(*memory));
    }
    all.regions_.push_back(std::move(registered));
  }
  all.scratch_bytes_.resize(kScratchBytes);
  PEGAFLOW_ASSIGN(all.scratch_, context.register_memory(all.scratch_bytes_));
  return all;
}

const transport::LocalMemory& RegisteredRegions::memory_of(std::uint16_t region,
                                                           SlotIndex slot) const {
  PEGAFLOW_CHECK(region < regions_.size());
  const Registered& registered = regions_[region];
  const std::uint32_t segment = slot.value / registered.region->shape().slots_per_segment();
  PEGAFLOW_CHECK(segment < registered.segments.size());
  return *registered.segments[segment];
}

std::vector<transport::Blob> RegisteredRegions::remote_keys(std::size_t region) const {
  std::vector<transport::Blob> keys;
  for (const auto& segment : regions_[region].segments) keys.push_back(segment->remote_key());
  return keys;
}

}  // namespace pegaflow::agent
