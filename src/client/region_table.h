// RegionTable: the staging regions that this client has mapped, by the ids that ring messages use.
// Guarded by the session's lock; a region stays mapped while a copy uses it.
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/strong_id.h"
#include "base/unique_fd.h"
#include "memory/region.h"
#include "pegaflow/result.h"
#include "wire/ring.h"
#include "wire/setup.h"

namespace pegaflow::client {

struct MappedSlots {
  MappedSlots(memory::MappedRegion mapped, WriterId writer_id, bool own_agents)
      : region(std::move(mapped)), writer(writer_id), own(own_agents) {}
  memory::MappedRegion region;
  WriterId writer;           // what this client puts into words it claims
  bool own;                  // of this client's agent: scatters may read it
  std::uint32_t copies = 0;  // running ones
  bool retiring = false;     // to be unmapped when no copy runs
  TimePoint rung{};          // when its bell was rung last; the mover's
};

// Is the slot of this region still lent to us, holding what the agent said?
bool readable(const MappedSlots& region, const wire::SlotRef& slot);

// Maps what a MAP message describes, within reach of `device`. Needs no lock; takes its time.
// kProtocol: numbers or files that do not fit together; kUnsupported: out of the device's reach.
Result<std::unique_ptr<MappedSlots>> map_region(const wire::MapRegion& message,
                                                std::vector<UniqueFd> fds, memory::Device& device);

class RegionTable {
 public:
  // kProtocol: an id that is taken, or a limit.
  Status add(RegionId id, std::unique_ptr<MappedSlots> region);
  // From now on find() does not know it; take_retired() hands it out when no copy uses it.
  void retire(RegionId id);
  using Retired = std::pair<RegionId, std::unique_ptr<MappedSlots>>;
  std::vector<Retired> take_retired();  // allocates only if there are any
  // Null: no such region, or no such slot in it.
  MappedSlots* find(const wire::SlotRef& slot);
  bool mapped(RegionId id) const { return regions_.contains(id); }
  // It is mapped or once was: messages about it may still be on their way.
  bool was_mapped(RegionId id) const { return seen_[id.value]; }

 private:
  std::map<RegionId, std::unique_ptr<MappedSlots>> regions_;
  std::size_t retiring_ = 0;
  std::bitset<1U << 16U> seen_;
};

}  // namespace pegaflow::client
