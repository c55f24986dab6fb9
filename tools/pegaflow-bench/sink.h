// The sink process: D's engine. The benchmark's binary started again by itself with a socket to its
// parent, which says what to do.
#pragma once

#include "pegaflow-bench/options.h"

namespace pegaflow::bench {

// Runs until the parent goes away; returns the exit status. `options` has one page size, one total.
int run_sink(const BenchOptions& options);

}  // namespace pegaflow::bench
