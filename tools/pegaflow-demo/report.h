// How results are shown: a table for people, one JSON object for programs.
#pragma once

#include <string>
#include <vector>

#include "pegaflow-demo/link_result.h"

namespace pegaflow::demo {

// What is about to run, in words.
std::string describe_run(const Workload& workload);

std::string result_table(const std::vector<LinkResult>& results);
std::string result_json(const Workload& workload, const std::vector<LinkResult>& results);
// Each failed request with its reason; empty: all is well.
std::string failure_text(const LinkResult& result);

}  // namespace pegaflow::demo
