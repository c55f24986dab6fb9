// UniqueFd: the one owner of a file descriptor.
#pragma once

#include <utility>

#include "pegaflow/result.h"

namespace pegaflow {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void reset();
  int release() { return std::exchange(fd_, -1); }
  // A second descriptor of the same file (close-on-exec).
  Result<UniqueFd> duplicate() const;

 private:
  int fd_ = -1;
};

// "`what`: strerror(errno)" as a kSystem error. Call right after the failed call.
Error system_error(std::string_view what);

}  // namespace pegaflow
