#include "client/mark_watch.h"

#include <mutex>

#include "base/wire_time.h"

namespace pegaflow::client {

MarkWatch::MarkWatch(SharedState& state, memory::Streams* streams, const Clock& clock)
    : state_(state), streams_(streams), clock_(clock) {}

Result<bool> MarkWatch::step() {
  if (streams_ == nullptr) return false;
  waiting_ = false;
  PEGAFLOW_ASSIGN(const bool sources, advance(state_.sources, [&] {
                    state_.sources.mark_passed(nanos_of(clock_.now()));
                  }));
  PEGAFLOW_ASSIGN(const bool sinks, advance(state_.sinks, [&] { state_.sinks.mark_passed(); }));
  return sources || sinks;
}

// In order, up to the first that has not passed. Nobody else takes anything out, so that the first
// entry stays the first while the GPU is asked.
template <typename Book, typename Apply>
Result<bool> MarkWatch::advance(Book& book, Apply apply) {
  bool any = false;
  std::unique_lock lock(state_.mutex);
  while (!book.marks().empty()) {
    const memory::Mark mark = book.marks().next_mark();
    if (mark.value != 0) {
      lock.unlock();
      PEGAFLOW_ASSIGN(const bool passed, streams_->passed(mark));
      if (!passed) {
        waiting_ = true;
        return any;
      }
      streams_->release(mark);
      lock.lock();
    }
    apply();
    any = true;
  }
  return any;
}

}  // namespace pegaflow::client
