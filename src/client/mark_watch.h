// MarkWatch: asks the GPU whether the marks that wait have passed, and lets take effect what waited
// for them. Used by the mover alone; asks outside of the session's lock.
#pragma once

#include "base/clock.h"
#include "client/shared_state.h"
#include "memory/streams.h"

namespace pegaflow::client {

class MarkWatch {
 public:
  // All outlive this. `streams` may be null: then there are no marks.
  MarkWatch(SharedState& state, memory::Streams* streams, const Clock& clock);

  // True if a mark had passed. An error ends the session: the GPU is lost.
  Result<bool> step();
  // As of the last step: something has not passed.
  bool waiting() const { return waiting_; }

 private:
  template <typename Book, typename Apply>
  Result<bool> advance(Book& book, Apply apply);

  SharedState& state_;
  memory::Streams* streams_;
  const Clock& clock_;
  bool waiting_ = false;
};

}  // namespace pegaflow::client
