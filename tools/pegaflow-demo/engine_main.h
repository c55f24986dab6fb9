// The engine process: the demo's binary started again by itself with a socket to its parent.
#pragma once

namespace pegaflow::demo {

// Runs until the parent says quit or goes away; returns the exit status. Standard error is the
// engine's log.
int run_engine(int channel_fd);

}  // namespace pegaflow::demo
