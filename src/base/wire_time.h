// A point in time as the plain integer that messages, slot headers and statistics carry.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace pegaflow {

// CLOCK_MONOTONIC nanoseconds.
inline std::uint64_t nanos_of(TimePoint time) {
  return static_cast<std::uint64_t>(Nanos(time.time_since_epoch()).count());
}

}  // namespace pegaflow
