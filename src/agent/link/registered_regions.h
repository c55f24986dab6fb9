// RegisteredRegions: this agent's regions as the transport knows them, registered once, at start,
// their landings where the transport cannot write into them, and the scratch memory that links are
// measured with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "memory/region.h"
#include "pegaflow/result.h"
#include "transport/transport.h"

namespace pegaflow::agent {

// Immutable once made; outlives every worker that uses it.
class RegisteredRegions {
 public:
  static constexpr std::size_t kScratchBytes = std::size_t{1} << 20U;

  // Null: peers write into the region itself. Otherwise they write into a landing on that GPU.
  using LandingOn = std::function<memory::Device*(const memory::Region&)>;
  // `regions`, `context` and the devices outlive the result.
  static Result<RegisteredRegions> create(transport::Context& context,
                                          std::span<memory::Region* const> regions,
                                          const LandingOn& landing_on = nullptr);

  std::size_t size() const { return regions_.size(); }
  const memory::Region& region(std::size_t index) const { return *regions_[index].region; }
  // The registered segment that holds the slot. REQUIRES: both exist.
  const transport::LocalMemory& memory_of(std::uint16_t region, SlotIndex slot) const;
  std::vector<transport::Blob> remote_keys(std::size_t region) const;

  bool any_landing() const { return gpu_scratch_ != nullptr; }
  // Null: no landing.
  memory::Device* landing_device(std::size_t region) const { return regions_[region].device; }
  // Where the slot's bytes arrive. REQUIRES: a landing, and that slot.
  std::span<std::byte> landing(std::size_t region, SlotIndex slot) const;

  // On the GPU of the first landing, if there is one.
  const transport::LocalMemory& scratch() const { return *scratch_; }
  // As many bytes of host memory.
  std::span<const std::byte> host_scratch() const { return scratch_bytes_; }

 private:
  using Memories = std::vector<std::unique_ptr<transport::LocalMemory>>;
  struct Registered {
    const memory::Region* region;
    memory::Device* device = nullptr;                                // of the landing
    std::vector<std::unique_ptr<memory::Segment>> landing_segments;  // as the region's own
    Memories segments;
    Memories landing;
  };
  Status add(transport::Context& context, const memory::Region& region, memory::Device* landing);
  RegisteredRegions() = default;
  std::vector<Registered> regions_;
  std::vector<std::byte> scratch_bytes_;
  std::unique_ptr<memory::Segment> gpu_scratch_;  // null: scratch_bytes_ is registered
  std::unique_ptr<transport::LocalMemory> scratch_;
};

}  // namespace pegaflow::agent
