// Percentiles of measured values.
#pragma once

#include <vector>

namespace pegaflow::tools {

struct Percentiles {
  double p50 = 0, p90 = 0, p99 = 0;
};
// Nearest rank: the smallest value with at least that share of all values at or below it. Zeros
// for no values.
Percentiles percentiles_of(std::vector<double> values);

}  // namespace pegaflow::tools
