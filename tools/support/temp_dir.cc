#include "support/temp_dir.h"

#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/unique_fd.h"

namespace pegaflow::tools {

Result<TempDir> TempDir::create() {
  std::error_code error;
  auto base = std::filesystem::temp_directory_path(error);
  if (error) return Error(Code::kSystem, "no directory for temporary files: " + error.message());
  std::string path = base / "pegaflow-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return system_error("mkdtemp " + path);
  return TempDir(path);
}

TempDir::TempDir(TempDir&& other) noexcept
    : path_(std::exchange(other.path_, {})), kept_(other.kept_) {}

TempDir::~TempDir() {
  if (path_.empty() || kept_) return;
  std::error_code error;  // what cannot be removed stays for the system to clean up
  std::filesystem::remove_all(path_, error);
}

}  // namespace pegaflow::tools
