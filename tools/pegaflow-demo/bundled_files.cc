#include "pegaflow-demo/bundled_files.h"

#include "support/programs.h"

namespace pegaflow::demo {
namespace {

namespace fs = std::filesystem;

Result<fs::path> find_config(const fs::path& file) {
  PEGAFLOW_ASSIGN(const auto self, tools::own_path());
  return tools::find_in(
      {self.parent_path() / ".." / PEGAFLOW_INSTALLED_CONFIG, PEGAFLOW_SOURCE_CONFIG}, file);
}

}  // namespace

Result<fs::path> find_model(const std::string& name) {
  if (name.ends_with(".json")) return fs::path(name);
  return find_config(fs::path("models") / (name + ".json"));
}

Result<fs::path> find_default_trace() {
  return find_config(fs::path("traces") / "conversation_100.jsonl");
}

}  // namespace pegaflow::demo
