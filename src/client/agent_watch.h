// AgentWatch: has the agent's loop stood still too long? Pure; not thread safe. PROTOCOL.md §6:
// a process that was stopped itself first extends what it measures by its own gap, then judges.
// A silence is noticed within its limit: what passes between two looks is taken off.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "client/limits.h"

namespace pegaflow::client {

class AgentWatch {
 public:
  // Two looks of a busy mover: before the tick was seen to move, and until it is judged.
  static constexpr Nanos kUnseen = 2 * kBusyTick;

  AgentWatch(Nanos longest_silence, TimePoint now)
      : longest_silence_(longest_silence), moved_at_(now), looked_at_(now) {}

  // What the agent's tick counter says now. The gap of this process's own loop, if it had one.
  Nanos look(std::uint64_t tick, TimePoint now);
  bool silent(TimePoint now) const { return now - moved_at_ > longest_silence_ - kUnseen; }
  Nanos silence(TimePoint now) const { return now - moved_at_; }

 private:
  Nanos longest_silence_;
  std::uint64_t tick_ = 0;
  TimePoint moved_at_;   // when the tick last changed
  TimePoint looked_at_;  // when this process last looked
};

}  // namespace pegaflow::client
