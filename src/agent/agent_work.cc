#include "agent/agent_work.h"

#include <algorithm>

namespace pegaflow::agent {

bool AgentWork::poll() {
  bool moved = sessions_.poll();
  moved |= links_.poll();
  moved |= transfers_.poll();
  return moved;
}

bool AgentWork::ready_to_sleep() {
  if (sessions_.ready_to_sleep() && links_.ready_to_sleep()) return true;
  sessions_.awake();
  return false;
}

TimePoint AgentWork::next_deadline() const {
  due_ = std::min(due_, transfers_.next_deadline().value_or(TimePoint::max()));
  return due_;
}

void AgentWork::on_time(TimePoint now) {
  due_ = TimePoint::max();
  transfers_.on_time(now);
}

void AgentWork::on_gap(Nanos gap) {
  if (due_ != TimePoint::max()) due_ += gap;
  transfers_.on_gap(gap);
}

}  // namespace pegaflow::agent
