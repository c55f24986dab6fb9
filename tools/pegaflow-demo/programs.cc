#include "pegaflow-demo/programs.h"

#include <system_error>
#include <vector>

namespace pegaflow::demo {
namespace {

namespace fs = std::filesystem;

Result<fs::path> own_path() {
  std::error_code error;
  auto path = fs::read_symlink("/proc/self/exe", error);
  if (error) return Error(Code::kSystem, "/proc/self/exe: " + error.message());
  return path;
}

// The first of `folders` that holds `name`.
Result<fs::path> find_in(const std::vector<fs::path>& folders, const fs::path& name) {
  std::string tried;
  for (const auto& folder : folders) {
    std::error_code error;
    if (fs::is_regular_file(folder / name, error)) return (folder / name).lexically_normal();
    tried += " " + folder.lexically_normal().string();
  }
  return Error(Code::kNotFound, name.string() + " is in none of:" + tried);
}

Result<fs::path> find_program(const fs::path& bin_dir, const fs::path& self, const char* name) {
  if (!bin_dir.empty()) return find_in({bin_dir}, name);
  const auto here = self.parent_path();
  return find_in({here, here / "..", here / ".." / name}, name);
}

Result<fs::path> find_config(const fs::path& file) {
  PEGAFLOW_ASSIGN(const auto self, own_path());
  return find_in({self.parent_path() / ".." / PEGAFLOW_INSTALLED_CONFIG, PEGAFLOW_SOURCE_CONFIG},
                 file);
}

}  // namespace

Result<Programs> find_programs(const fs::path& bin_dir) {
  Programs programs;
  PEGAFLOW_ASSIGN(programs.self, own_path());
  PEGAFLOW_ASSIGN(programs.agent, find_program(bin_dir, programs.self, "pegaflow-agent"));
  PEGAFLOW_ASSIGN(programs.rendezvous, find_program(bin_dir, programs.self, "pegaflow-rendezvous"));
  return programs;
}

Result<fs::path> find_model(const std::string& name) {
  if (name.ends_with(".json")) return fs::path(name);
  return find_config(fs::path("models") / (name + ".json"));
}

Result<fs::path> find_default_trace() {
  return find_config(fs::path("traces") / "conversation_100.jsonl");
}

}  // namespace pegaflow::demo
