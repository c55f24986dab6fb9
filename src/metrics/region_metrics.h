// The metrics of one region, and the families they belong to. Internal to this folder.
#pragma once

#include "metrics/series.h"

namespace pegaflow::metrics {

struct RegionFamilies {
  explicit RegionFamilies(prometheus::Registry& registry);
  Family<Gauge>& slots;
  Family<Counter>& retired;
  Family<Counter>& recovered;
  Family<Counter>& starvations;
};

class RegionMetrics final : public RegionProbe {
 public:
  RegionMetrics(RegionFamilies& families, std::string_view name);
  void slots(SlotUse use, std::int64_t count) override;
  void slot_retired() override;
  void slot_recovered() override;
  void starved() override;

 private:
  const Labels labels_;
  EnumSeries<Gauge, SlotUse, kSlotUses> slots_;
  Counter& retired_;
  Counter& recovered_;
  Counter& starvations_;
};

}  // namespace pegaflow::metrics
