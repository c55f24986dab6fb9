// Measurement: one size of pages and transfers over a link that is up. This process is P's engine.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "pegaflow-bench/options.h"
#include "pegaflow-bench/workload.h"
#include "support/programs.h"

namespace pegaflow::bench {

// Times of the transfers, in order, from the moment before P's engine calls its data ready.
struct Times {
  std::vector<double> source_us;  // until P's engine is told that D has all
  std::vector<double> target_us;  // until D's engine has been told that all is in its pages
  std::uint64_t wrong_bytes = 0;  // of the last transfer, into pages that were zero before
};

struct MeasurementSpec {
  Workload workload;
  std::uint32_t number = 0;  // of this measurement; names its engines
  std::uint32_t iterations = 0, warmup = 0;
  std::chrono::microseconds settle{};
  bool poll = false;
  std::array<std::string, 2> gpus;  // of the source's and the sink's pool; for a GPU's memory
  tools::Programs programs;
  std::filesystem::path dir;  // of the node pair; the sink's log goes there
};

// Starts the sink, makes both pools, times the transfers, compares the last one's bytes.
Result<Times> measure(const MeasurementSpec& spec);

}  // namespace pegaflow::bench
