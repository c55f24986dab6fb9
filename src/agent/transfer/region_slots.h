// One of the agent's own regions: its memory, its slot table, and the credits lent on its slots.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

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
  void sweep(TimePoint now, Nanos quarantine);
  void report();
  // A sink stream missed a slot. was_starved() tells it once.
  void starved() {
    starved_ = true;
    probe_.starved();
  }
  // Free slots that may be lent to sources: all but a quarter, where this agent's own source side
  // stages here, too. Else two agents that read each other could lend all they have, and neither
  // would have a slot to gather into.
  std::uint32_t lendable() const {
    const std::uint32_t kept = stages_own_ ? std::max(1U, table_.size() / 4) : 0;
    return table_.free_count() > kept ? table_.free_count() - kept : 0;
  }
  void set_stages_own(bool stages_own) { stages_own_ = stages_own; }
  bool was_starved() { return std::exchange(starved_, false); }

 private:
  std::uint16_t index_;
  memory::Region& region_;
  core::SlotTable table_;
  core::Credits credits_;
  metrics::RegionProbe& probe_;
  bool starved_ = false;
  bool stages_own_ = false;
};

}  // namespace pegaflow::agent
