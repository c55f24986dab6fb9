// Interrupt: Ctrl-C and SIGTERM as a readable descriptor, so that the demo always cleans up.
#pragma once

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow::demo {

class Interrupt {
 public:
  // Blocks both signals for the process; call before any thread starts.
  static Result<Interrupt> create();
  int fd() const { return fd_.get(); }  // readable: the user wants to stop

 private:
  explicit Interrupt(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace pegaflow::demo
