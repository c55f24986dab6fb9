// RegisteredRegions: this agent's regions as the transport knows them, registered once, at start,
// and the scratch memory that links are measured with.
#pragma once

#include <cstddef>
#include <cstdint>
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

  // `regions` and `context` outlive the result.
  static Result<RegisteredRegions> create(transport::Context& context,
                                          std::span<memory::Region* const> regions);

  std::size_t size() const { return regions_.size(); }
  const memory::Region& region(std::size_t index) const { return *regions_[index].region; }
  // The registered segment that holds the slot. REQUIRES: both exist.
  const transport::LocalMemory& memory_of(std::uint16_t region, SlotIndex slot) const;
  std::vector<transport::Blob> remote_keys(std::size_t region) const;

  const transport::LocalMemory& scratch() const { return *scratch_; }

 private:
  struct Registered {
    const memory::Region* region;
    std::vector<std::unique_ptr<transport::LocalMemory>> segments;
  };
  RegisteredRegions() = default;
  std::vector<Registered> regions_;
  std::vector<std::byte> scratch_bytes_;
  std::unique_ptr<transport::LocalMemory> scratch_;
};

}  // namespace pegaflow::agent
