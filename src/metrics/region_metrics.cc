#include "metrics/region_metrics.h"

namespace pegaflow::metrics {

RegionFamilies::RegionFamilies(prometheus::Registry& r)
    : slots(gauges(r, "pegaflow_slots", "Slots by the state they are in.")),
      retired(counters(r, "pegaflow_slots_retired_total",
                       "Slots taken out because no proof came that their writer had ended.")),
      recovered(
          counters(r, "pegaflow_slots_recovered_total", "Retired slots that a late proof freed.")),
      starvations(counters(r, "pegaflow_slot_starvations_total",
                           "Streams with ready data that found no free slot.")) {}

RegionMetrics::RegionMetrics(RegionFamilies& families, std::string_view name)
    : labels_({{"region", std::string(name)}}),
      slots_(families.slots, labels_, "state"),
      retired_(families.retired.Add(labels_)),
      recovered_(families.recovered.Add(labels_)),
      starvations_(families.starvations.Add(labels_)) {}

void RegionMetrics::slots(SlotUse use, std::int64_t count) {
  slots_[use].Set(static_cast<double>(count));
}

void RegionMetrics::slot_retired() { retired_.Increment(); }

void RegionMetrics::slot_recovered() { recovered_.Increment(); }

void RegionMetrics::starved() { starvations_.Increment(); }

}  // namespace pegaflow::metrics
