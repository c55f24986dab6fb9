// Progress: how far a run is, on standard error: one line that is rewritten on a terminal, else a
// line now and then.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace pegaflow::demo {

class Progress {
 public:
  struct State {
    std::uint32_t total = 0, released = 0, ended = 0;
    std::uint32_t failed = 0;
    std::uint64_t bytes = 0;
  };

  explicit Progress(std::string title);
  ~Progress();  // ends the terminal's line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows the state unless something was shown a moment ago.
  void update(const State& state, TimePoint now);

 private:
  std::string title_;
  bool terminal_;
  TimePoint start_;
  TimePoint next_;
  bool line_open_ = false;
};

}  // namespace pegaflow::demo
