#include "client/agent_watch.h"

namespace pegaflow::client {

Nanos AgentWatch::look(std::uint64_t tick, TimePoint now) {
  const Nanos since = now - looked_at_;
  const Nanos gap = since > kOwnGap ? since : Nanos(0);
  looked_at_ = now;
  moved_at_ += gap;
  if (tick != tick_) {
    tick_ = tick;
    moved_at_ = now;
  }
  return gap;
}

}  // namespace pegaflow::client
