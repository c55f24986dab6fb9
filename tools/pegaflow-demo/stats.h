// What one link's run amounts to: percentiles, rates and stage times over its requests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pegaflow-demo/router.h"
#include "support/percentiles.h"

namespace pegaflow::demo {

struct TimeSpan {
  std::uint64_t begin_ns = 0, end_ns = 0;
};
// Length of the union of the spans.
std::uint64_t covered_ns(std::vector<TimeSpan> spans);

// docs/DEMO.md defines each number. Bytes, times and rates count finished requests only.
struct LinkSummary {
  std::uint32_t requests = 0;
  std::uint32_t finished = 0;    // every byte arrived right, and both sides ended well
  std::uint32_t mismatches = 0;  // requests with wrong bytes
  std::uint64_t bytes = 0;
  std::uint64_t chunks = 0;
  double busy_seconds = 0;
  double gbps = 0;                      // bytes / busy_seconds / 1e9
  tools::Percentiles ready_to_done_us;  // first ready call at P → done at D
  tools::Percentiles exposed_us;        // last ready call at P → done at D
  struct Stages {                       // medians over requests
    double offer_wait_us = 0, grant_us = 0, gather_us = 0, wire_us = 0, scatter_us = 0;
  } stages;
};

LinkSummary summarize(const Router& router);

}  // namespace pegaflow::demo
