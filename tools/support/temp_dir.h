// TempDir: a private directory that goes away with its owner.
#pragma once

#include <filesystem>

#include "pegaflow/result.h"

namespace pegaflow::tools {

class TempDir {
 public:
  // Under $TMPDIR or /tmp, readable by this user only.
  static Result<TempDir> create();
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir();

  const std::filesystem::path& path() const { return path_; }
  void keep() { kept_ = true; }
  bool kept() const { return kept_; }

 private:
  explicit TempDir(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
  bool kept_ = false;
};

}  // namespace pegaflow::tools
