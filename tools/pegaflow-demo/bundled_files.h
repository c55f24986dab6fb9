// The models and traces that come with the program.
#pragma once

#include <filesystem>
#include <string>

#include "pegaflow/result.h"

namespace pegaflow::demo {

// A name ("qwen3-8b") among the bundled models, or a path that ends in .json.
Result<std::filesystem::path> find_model(const std::string& name);
Result<std::filesystem::path> find_default_trace();

}  // namespace pegaflow::demo
