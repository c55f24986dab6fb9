// Signals as something to wait for. They must be blocked before the first thread starts.
#pragma once

#include <chrono>
#include <csignal>

namespace pegaflow::tools {

// Blocks SIGTERM and SIGINT for this thread and those it starts, and ignores SIGPIPE.
void block_end_signals();

// True: one of the two came within `timeout`.
bool wait_for_end_signal(std::chrono::milliseconds timeout);

}  // namespace pegaflow::tools
