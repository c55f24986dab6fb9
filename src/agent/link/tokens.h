// Flush tokens that are the link's own. The upper half's never have these values.
#pragma once

#include <cstdint>

namespace pegaflow::agent {

inline constexpr std::uint64_t kWireUpToken = ~std::uint64_t{0};
inline constexpr std::uint64_t kProbeToken = kWireUpToken - 1;

}  // namespace pegaflow::agent
