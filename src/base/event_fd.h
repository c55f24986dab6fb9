// EventFd: a descriptor that one thread or process sleeps on and others signal.
#pragma once

#include <utility>

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow {

// Movable. signal() and drain() are thread safe and never block.
class EventFd {
 public:
  // A kernel counter: one descriptor for both sides. Whoever shares it with a process that it does
  // not trust may drain() it, but not signal() it: the other could make a write block.
  static Result<EventFd> create();

  struct Ends;
  // A pipe, for signalling a process that is not trusted.
  static Result<Ends> create_ends();

  // Takes over one that came from another process.
  explicit EventFd(UniqueFd fd);

  // Makes the descriptor readable.
  void signal() const;
  // Makes it unreadable again; true if it was readable.
  bool drain() const;
  int fd() const { return fd_.get(); }
  Result<UniqueFd> duplicate() const { return fd_.duplicate(); }

 private:
  UniqueFd fd_;
  bool pipe_;
  UniqueFd
      other_end_;  // a pipe's signalling end keeps this, so that signal() never finds no reader
};

struct EventFd::Ends {
  EventFd sleeping;    // to be given away; drain() only
  EventFd signalling;  // to be kept; signal() only
};

}  // namespace pegaflow
