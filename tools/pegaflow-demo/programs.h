// Where this program, the agents' programs and the bundled models and traces lie: in the build
// tree, or installed.
#pragma once

#include <filesystem>
#include <string>

#include "pegaflow/result.h"

namespace pegaflow::demo {

struct Programs {
  std::filesystem::path self;
  std::filesystem::path agent;
  std::filesystem::path rendezvous;
};
// `bin_dir`: empty: next to this program, or in the neighbouring folders of a build tree.
// kNotFound names what was looked for.
Result<Programs> find_programs(const std::filesystem::path& bin_dir);

// A name ("qwen3-8b") among the bundled models, or a path that ends in .json.
Result<std::filesystem::path> find_model(const std::string& name);
Result<std::filesystem::path> find_default_trace();

}  // namespace pegaflow::demo
