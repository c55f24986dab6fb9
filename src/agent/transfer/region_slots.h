// One of the agent's own regions: its memory, its slot table, and the credits lent on its slots.
#pragma once

#include <cstdint>

#include "core/credits.h"
#include "core/slot_table.h"
#include "memory/region.h"
#include "metrics/probes.h"

namespace pegaflow::agent {

class RegionSlots final : public core::SlotWords {
 public:
  RegionSlots(std::uint16_t index, memory::Region& region, std::uint32_t max_streams,
              std::uint32_t max_window, metrics::RegionProbe& probe);
  RegionSlots(const RegionSlots&) = delete;
  RegionSlots& operator=(const RegionSlots&) = delete;

  std::atomic<std::uint64_t>& word(SlotIndex slot) override { return region_.control().word(slot); }

  std::uint16_t index() const { return index_; }
  memory::Region& region() { return region_; }
  core::SlotTable& table() { return table_; }
  const core::SlotTable& table() const { return table_; }
  core::Credits& credits() { return credits_; }
  // Moves quarantined slots on, and tells the probe how many slots are in which state.
  std::uint32_t sweep(TimePoint now, Nanos quarantine);
  void report();
  void starved() { probe_.starved(); }

 private:
  std::uint16_t index_;
  memory::Region& region_;
  core::SlotTable table_;
  core::Credits credits_;
  metrics::RegionProbe& probe_;
};

}  // namespace pegaflow::agent
