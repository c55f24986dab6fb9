// UnixListener: a listening Unix socket at a path, guarded by a lock file, so that two servers of
// one path exclude each other and the socket file of a dead one is replaced.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow {

inline constexpr mode_t kDefaultSocketMode = 0660;

// Movable; the destructor removes the socket file. The lock file "PATH.lock" stays (removing it
// would race with a successor) and names the holder's pid.
class UnixListener {
 public:
  // `type`: SOCK_STREAM or SOCK_SEQPACKET. kAlreadyExists: a living process serves this path;
  // kInvalidArgument: path too long (107 bytes), or something that is no socket lies there.
  static Result<UnixListener> listen(const std::string& path, int type,
                                     mode_t mode = kDefaultSocketMode);
  UnixListener(UnixListener&&) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();

  // A connection (non-blocking, close-on-exec); nothing when none waits.
  Result<std::optional<UniqueFd>> accept() const;
  int fd() const { return socket_.get(); }
  const std::string& path() const { return path_; }

 private:
  UnixListener(std::string path, UniqueFd lock, UniqueFd socket)
      : path_(std::move(path)), lock_(std::move(lock)), socket_(std::move(socket)) {}
  std::string path_;
  UniqueFd lock_;
  UniqueFd socket_;  // invalid once moved from
};

}  // namespace pegaflow
