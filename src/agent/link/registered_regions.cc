#include "agent/link/registered_regions.h"

#include <utility>

#include "base/check.h"

namespace pegaflow::agent {

Result<RegisteredRegions> RegisteredRegions::create(transport::Context& context,
                                                    std::span<memory::Region* const> regions,
                                                    const LandingOn& landing_on) {
  RegisteredRegions all;
  all.scratch_bytes_.resize(kScratchBytes);
  std::span<std::byte> scratch = all.scratch_bytes_;
  for (const memory::Region* region : regions) {
    memory::Device* const device = landing_on ? landing_on(*region) : nullptr;
    const Status added = all.add(context, *region, device);
    if (!added.ok()) return added.error().within("registering region " + region->name());
    if (device == nullptr || all.gpu_scratch_) continue;
    PEGAFLOW_ASSIGN(all.gpu_scratch_, device->create_private(kScratchBytes));
    scratch = all.gpu_scratch_->bytes();
  }
  PEGAFLOW_ASSIGN(
      all.scratch_,
      context.register_memory(scratch, all.gpu_scratch_ ? MemoryKind::kCuda : MemoryKind::kHost));
  return all;
}

Status RegisteredRegions::add(transport::Context& context, const memory::Region& region,
                              memory::Device* landing) {
  Registered registered;
  registered.region = &region;
  registered.device = landing;
  for (const std::span<std::byte> segment : region.segments()) {
    PEGAFLOW_ASSIGN(auto memory, context.register_memory(segment, region.shape().memory));
    registered.segments.push_back(std::move(memory));
    if (landing == nullptr) continue;
    PEGAFLOW_ASSIGN(auto twin, landing->create_private(segment.size()));
    PEGAFLOW_ASSIGN(auto landing_memory, context.register_memory(twin->bytes(), MemoryKind::kCuda));
    registered.landing_segments.push_back(std::move(twin));
    registered.landing.push_back(std::move(landing_memory));
  }
  regions_.push_back(std::move(registered));
  return {};
}

std::span<std::byte> RegisteredRegions::landing(std::size_t region, SlotIndex slot) const {
  const Registered& registered = regions_[region];
  const memory::RegionShape& shape = registered.region->shape();
  const std::uint32_t per_segment = shape.slots_per_segment();
  PEGAFLOW_CHECK(slot.value / per_segment < registered.landing_segments.size());
  const auto bytes = registered.landing_segments[slot.value / per_segment]->bytes();
  return bytes.subspan(slot.value % per_segment * shape.slot_bytes, shape.slot_bytes);
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
  const Registered& registered = regions_[region];
  const bool lands = registered.device != nullptr;
  for (const auto& segment : lands ? registered.landing : registered.segments) {
    keys.push_back(segment->remote_key());
  }
  return keys;
}

}  // namespace pegaflow::agent
