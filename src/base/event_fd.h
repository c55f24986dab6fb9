// EventFd: a kernel counter that one thread or process sleeps on and others signal.
#pragma once

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow {

// Movable. signal() and drain() are thread safe and never block.
class EventFd {
 public:
  static Result<EventFd> create();
  // Takes over one that came from another process.
  explicit EventFd(UniqueFd fd) : fd_(std::move(fd)) {}

  // Makes the descriptor readable.
  void signal() const;
  // Makes it unreadable again; true if it was readable.
  bool drain() const;
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace pegaflow
