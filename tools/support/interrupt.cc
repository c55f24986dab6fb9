#include "support/interrupt.h"

#include <sys/signalfd.h>

#include <csignal>

namespace pegaflow::tools {

Result<Interrupt> Interrupt::create() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return system_error("sigprocmask");
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return system_error("signalfd");
  return Interrupt(std::move(fd));
}

}  // namespace pegaflow::tools
