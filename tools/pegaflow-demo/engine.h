// Engine: what a simulated inference process does between its parent's commands and its session's
// events. engine_p.h produces KV, engine_d.h consumes it; engine_main.h runs either.
#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "pegaflow-demo/messages.h"
#include "pegaflow/session.h"

namespace pegaflow::demo {

using ReportSink = std::function<void(const Report&)>;

// All calls come from one thread.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual void submit(const Submit& submit) = 0;
  virtual void abandon(const Abandon& abandon) = 0;
  // `seen`: when the event was taken from the session.
  virtual void on_event(const Event& event, TimePoint seen) = 0;
  // Does what can be done now; returns when it wants to be called next at the latest (now: at
  // once), nullopt: after the next command, event or wake-up.
  virtual std::optional<TimePoint> work(TimePoint now) = 0;
  // Readable when work() should be called although nothing else happened; -1: never.
  virtual int wake_fd() const { return -1; }
};

inline std::uint64_t to_ns(TimePoint time) {
  return static_cast<std::uint64_t>(Nanos(time.time_since_epoch()).count());
}

}  // namespace pegaflow::demo
