// A measurement's line of JSON. bench/README.md defines each field.
#pragma once

#include <string>

#include "pegaflow-bench/measurement.h"
#include "support/agent_status.h"

namespace pegaflow::bench {

std::string report_line(const Workload& workload, const LinkChoice& choice,
                        const tools::LinkState& link, const Times& times, bool samples);

// "Intel(R) Xeon(R) …, 2 CPUs, Linux 6.1.0".
std::string describe_machine();

}  // namespace pegaflow::bench
