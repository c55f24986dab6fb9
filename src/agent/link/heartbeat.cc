#include "agent/link/heartbeat.h"

#include <string>
#include <utility>

namespace pegaflow::agent {
namespace {

std::string in_ms(Nanos time) {
  return std::to_string(std::chrono::duration_cast<Millis>(time).count()) + " ms";
}

}  // namespace

Status Heartbeat::tick(const ControlChannel& channel) {
  silent_ticks_ = std::exchange(heard_, false) ? 0 : silent_ticks_ + 1;
  // It may have gone silent right after the tick before: noticed within the limit, not after it.
  if (silent_ticks_ > 0 && (silent_ticks_ + 1) * limits_.period >= limits_.dead_after) {
    return Error(Code::kUnavailable, "no message for " + in_ms(limits_.dead_after));
  }
  const bool moved = std::exchange(acknowledged_, channel.acknowledged()) != acknowledged_;
  shut_ticks_ = channel.shut() && !moved ? shut_ticks_ + 1 : 0;
  if (shut_ticks_ * limits_.period >= limits_.window_shut) {
    return Error(Code::kUnavailable, "its window was shut for " + in_ms(limits_.window_shut) +
                                         " (" + std::to_string(channel.unacknowledged()) +
                                         " messages not acknowledged)");
  }
  return {};
}

}  // namespace pegaflow::agent
