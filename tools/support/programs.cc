#include "support/programs.h"

#include <string>
#include <system_error>

namespace pegaflow::tools {
namespace {

namespace fs = std::filesystem;

Result<fs::path> find_program(const fs::path& bin_dir, const fs::path& self, const char* name) {
  if (!bin_dir.empty()) return find_in({bin_dir}, name);
  const auto here = self.parent_path();
  // A build tree has a folder of programs beside others: build/tools/NAME, build/bench/NAME.
  return find_in({here, here / "..", here / ".." / name, here / "../../tools" / name}, name);
}

}  // namespace

Result<fs::path> own_path() {
  std::error_code error;
  auto path = fs::read_symlink("/proc/self/exe", error);
  if (error) return Error(Code::kSystem, "/proc/self/exe: " + error.message());
  return path;
}

Result<fs::path> find_in(const std::vector<fs::path>& folders, const fs::path& name) {
  std::string tried;
  for (const auto& folder : folders) {
    std::error_code error;
    if (fs::is_regular_file(folder / name, error)) return (folder / name).lexically_normal();
    tried += " " + folder.lexically_normal().string();
  }
  return Error(Code::kNotFound, name.string() + " is in none of:" + tried);
}

Result<Programs> find_programs(const fs::path& bin_dir) {
  Programs programs;
  PEGAFLOW_ASSIGN(programs.self, own_path());
  PEGAFLOW_ASSIGN(programs.agent, find_program(bin_dir, programs.self, "pegaflow-agent"));
  PEGAFLOW_ASSIGN(programs.rendezvous, find_program(bin_dir, programs.self, "pegaflow-rendezvous"));
  return programs;
}

}  // namespace pegaflow::tools
