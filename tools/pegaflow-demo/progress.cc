#include "pegaflow-demo/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace pegaflow::demo {
namespace {

constexpr Millis kTerminalInterval{200};
constexpr Millis kLogInterval{5'000};

}  // namespace

Progress::Progress(std::string title)
    : title_(std::move(title)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(SteadyClock().now()),
      next_(start_ + (terminal_ ? kTerminalInterval : kLogInterval)) {}

Progress::~Progress() {
  if (line_open_) std::fputs("\r\033[K", stderr);
}

void Progress::update(const State& state, TimePoint now) {
  if (now < next_) return;
  next_ = now + (terminal_ ? kTerminalInterval : kLogInterval);
  const auto seconds = std::chrono::duration<double>(now - start_).count();
  std::fprintf(stderr, "%s%s: %5.1f s  %u of %u requests ended, %u in flight, %.2f GB",
               terminal_ ? "\r\033[K" : "", title_.c_str(), seconds, state.ended, state.total,
               state.released - state.ended, static_cast<double>(state.bytes) / 1e9);
  if (state.failed > 0) std::fprintf(stderr, ", %u FAILED", state.failed);
  if (!terminal_) std::fputc('\n', stderr);
  std::fflush(stderr);
  line_open_ = terminal_;
}

}  // namespace pegaflow::demo
