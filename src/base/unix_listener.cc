#include "base/unix_listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/socket_address.h"
#include "base/socket_io.h"

namespace pegaflow {
namespace {

constexpr int kBacklog = 128;

std::string holder_of(int lock) {
  std::array<char, 32> text{};
  const auto size = ::pread(lock, text.data(), text.size() - 1, 0);
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "?";
}

Result<UniqueFd> take_lock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!lock.valid()) return system_error("open " + lock_path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("lock " + lock_path);
    return Error(Code::kAlreadyExists,
                 path + " is served by process " + holder_of(lock.get()) + "; stop it first");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock.get(), 0) != 0 ||
      ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return system_error("write " + lock_path);
  }
  return lock;
}

// REQUIRES: the lock of this path is held, so a socket that lies there has no server.
Status remove_stale(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? Status() : system_error("look at " + path);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Error(Code::kInvalidArgument,
                 path + " exists and is not a socket; remove it or choose another path");
  }
  if (::unlink(path.c_str()) != 0) return system_error("remove the old socket " + path);
  return {};
}

}  // namespace

Result<UnixListener> UnixListener::listen(const std::string& path, int type, mode_t mode) {
  PEGAFLOW_ASSIGN(const SocketAddress address, SocketAddress::unix_path(path));
  PEGAFLOW_ASSIGN(UniqueFd lock, take_lock(path));
  PEGAFLOW_TRY(remove_stale(path));
  UniqueFd socket(::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("create a Unix socket");
  if (::bind(socket.get(), address.raw(), address.size()) != 0) {
    return system_error("bind a socket to " + path);
  }
  UnixListener listener(path, std::move(lock), std::move(socket));
  // Nobody can connect before listen(), so the mode is in force in time.
  if (::chmod(path.c_str(), mode) != 0) return system_error("set the mode of " + path);
  if (::listen(listener.fd(), kBacklog) != 0) return system_error("listen at " + path);
  return listener;
}

UnixListener::~UnixListener() {
  if (socket_.valid()) ::unlink(path_.c_str());
}

Result<std::optional<UniqueFd>> UnixListener::accept() const { return accept_connection(fd()); }

}  // namespace pegaflow
