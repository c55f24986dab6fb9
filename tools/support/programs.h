// Where programs and their files lie: in the build tree, or installed.
#pragma once

#include <filesystem>
#include <vector>

#include "pegaflow/result.h"

namespace pegaflow::tools {

struct Programs {
  std::filesystem::path self;
  std::filesystem::path agent;
  std::filesystem::path rendezvous;
};
// `bin_dir`: empty: next to this program, or in the neighbouring folders of a build tree.
// kNotFound names what was looked for.
Result<Programs> find_programs(const std::filesystem::path& bin_dir);

// This process's executable.
Result<std::filesystem::path> own_path();

// `name` in the first of `folders` that holds it; kNotFound names the folders.
Result<std::filesystem::path> find_in(const std::vector<std::filesystem::path>& folders,
                                      const std::filesystem::path& name);

}  // namespace pegaflow::tools
