// Heartbeat: judges a peer by what it sent between ticks of a timer. It counts ticks and never
// subtracts times, so an agent that was stopped for a minute counts one tick, not a minute.
#pragma once

#include <cstdint>

#include "agent/control_channel.h"
#include "base/clock.h"
#include "pegaflow/result.h"

namespace pegaflow::agent {

struct HeartbeatLimits {
  Nanos period = Millis(500);
  Nanos dead_after = std::chrono::seconds(3);  // noticed by then; a period less of silence suffices
  Nanos window_shut = std::chrono::seconds(2);  // without any acknowledgement
};

class Heartbeat {
 public:
  explicit Heartbeat(const HeartbeatLimits& limits) : limits_(limits) {}

  void heard() { heard_ = true; }
  // One period has passed. kUnavailable: the peer is silent, or takes nothing: reset the link.
  Status tick(const ControlChannel& channel);

 private:
  HeartbeatLimits limits_;
  bool heard_ = false;
  std::uint32_t silent_ticks_ = 0;
  std::uint32_t acknowledged_ = 0;  // as of the last tick
  std::uint32_t shut_ticks_ = 0;
};

}  // namespace pegaflow::agent
