// What is run, and what came of it over one link.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pegaflow-demo/model.h"
#include "pegaflow-demo/options.h"
#include "pegaflow-demo/prompt.h"
#include "pegaflow-demo/stats.h"
#include "support/agent_status.h"

namespace pegaflow::demo {

// The same over every link.
struct Workload {
  DemoOptions options;
  Model model;
  std::vector<Arrival> arrivals;
};

struct RequestFailure {
  std::uint32_t id = 0;
  std::string what;
};

struct LinkResult {
  tools::LinkKind kind = tools::LinkKind::kMapped;
  tools::LinkState link;
  LinkSummary summary;
  std::uint64_t memory_bytes = 0;  // of all processes at the end, shared pages counted once
  double seconds = 0;
  std::vector<RequestFailure> failures;  // one per request that did not succeed
  std::optional<std::string> broken;     // why the run ended before its requests did
  std::string log_tails;                 // filled when anything failed
  bool ok() const { return failures.empty() && !broken; }
};

}  // namespace pegaflow::demo
