#include "agent/transfer/region_slots.h"

#include "agent/transfer/context.h"

namespace pegaflow::agent {

RegionSlots::RegionSlots(std::uint16_t index, memory::Region& region, std::uint32_t max_streams,
                         std::uint32_t max_window, metrics::RegionProbe& probe)
    : index_(index),
      region_(region),
      table_(region.slot_count(), *this),
      credits_(max_streams, region.slot_count(), max_window),
      probe_(probe) {
  report();
}

void RegionSlots::sweep(TimePoint now, Nanos quarantine) {
  const auto retired_index = static_cast<std::size_t>(core::SlotState::kRetired);
  const std::uint32_t retired = table_.counts()[retired_index];
  table_.sweep(now, quarantine);
  for (auto n = table_.counts()[retired_index]; n > retired; --n) probe_.slot_retired();
  for (auto n = table_.counts()[retired_index]; n < retired; ++n) probe_.slot_recovered();
}

void RegionSlots::report() {
  const core::StateCounts& counts = table_.counts();
  const auto count = [&counts](core::SlotState state) {
    return std::int64_t{counts[static_cast<std::size_t>(state)]};
  };
  probe_.slots(metrics::SlotUse::kFree, count(core::SlotState::kFree));
  probe_.slots(metrics::SlotUse::kLoaned, count(core::SlotState::kLoaned));
  probe_.slots(metrics::SlotUse::kFilled,
               count(core::SlotState::kFilled) + count(core::SlotState::kDraining));
  probe_.slots(metrics::SlotUse::kQuarantined, count(core::SlotState::kQuarantined));
  probe_.slots(metrics::SlotUse::kRetired, count(core::SlotState::kRetired));
}

RegionSlots* TransferContext::region_for(const KvShape& shape) const {
  RegionSlots* host = nullptr;
  for (const auto& region : regions) {
    const bool on_host = region->region().shape().memory == MemoryKind::kHost;
    if (!on_host && region->region().gpu_uuid() == shape.gpu_uuid) return region.get();
    if (on_host && host == nullptr) host = region.get();
  }
  return host;
}

RegionSlots* TransferContext::region(std::uint16_t index) const {
  return index < regions.size() ? regions[index].get() : nullptr;
}

}  // namespace pegaflow::agent
