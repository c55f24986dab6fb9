#include "support/percentiles.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace pegaflow::tools {
namespace {

double nearest_rank(const std::vector<double>& sorted, double share) {
  const auto rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

}  // namespace

Percentiles percentiles_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  return {nearest_rank(values, 0.5), nearest_rank(values, 0.9), nearest_rank(values, 0.99)};
}

}  // namespace pegaflow::tools
