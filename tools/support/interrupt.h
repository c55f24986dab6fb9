// Interrupt: Ctrl-C and SIGTERM as a readable descriptor, so that programs always clean up.
#pragma once

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow::tools {

class Interrupt {
 public:
  // Blocks both signals for the process; call before any thread starts.
  static Result<Interrupt> create();
  int fd() const { return fd_.get(); }  // readable: the user wants to stop

 private:
  explicit Interrupt(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace pegaflow::tools
