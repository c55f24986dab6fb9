#include "base/pidfd.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace pegaflow {
namespace {

constexpr int kSoPeerPidfd = 77;  // SO_PEERPIDFD of Linux 6.5; older headers don't have it

Error peer_gone() {
  return {Code::kUnavailable, "the process at the other end of the socket has exited"};
}

bool at_eof(int socket) {
  pollfd entry{socket, POLLIN | POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) != 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace

Result<PeerCredentials> peer_credentials(int unix_socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(unix_socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return system_error("ask who is at the other end of a socket");
  }
  return PeerCredentials{peer.pid, peer.uid, peer.gid};
}

Result<UniqueFd> pidfd_of_peer(int unix_socket) {
  auto by_option = pidfd_of_peer_by_option(unix_socket);
  if (by_option.ok() || by_option.error().code() != Code::kUnsupported) return by_option;
  return pidfd_of_peer_by_pid(unix_socket);
}

Result<UniqueFd> pidfd_of_peer_by_option(int unix_socket) {
  int pidfd = -1;
  socklen_t size = sizeof pidfd;
  if (::getsockopt(unix_socket, SOL_SOCKET, kSoPeerPidfd, &pidfd, &size) == 0) {
    return UniqueFd(pidfd);
  }
  if (errno == ENOPROTOOPT) {
    return Error(Code::kUnsupported, "this kernel has no SO_PEERPIDFD (Linux 6.5 and later)");
  }
  if (errno == ESRCH || errno == ENODATA) return peer_gone();
  return system_error("get the pidfd of a socket's peer");
}

Result<UniqueFd> pidfd_of_peer_by_pid(int unix_socket) {
  PEGAFLOW_ASSIGN(const PeerCredentials peer, peer_credentials(unix_socket));
  if (peer.pid <= 0) {
    return Error(Code::kUnsupported,
                 "the peer's process is in a pid namespace that this process cannot see");
  }
  PEGAFLOW_ASSIGN(UniqueFd pidfd, pidfd_of_process(peer.pid));
  if (at_eof(unix_socket)) return peer_gone();
  return pidfd;
}

Result<UniqueFd> pidfd_of_process(pid_t pid) {
  // (glibc 2.36 declares pidfd_open without C linkage.)
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd >= 0) return UniqueFd(fd);
  if (errno == ESRCH) {
    return Error(Code::kUnavailable, "there is no process " + std::to_string(pid));
  }
  return system_error("open a pidfd of process " + std::to_string(pid));
}

bool exited(const UniqueFd& pidfd) {
  pollfd entry{pidfd.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLIN | POLLHUP)) != 0;
}

}  // namespace pegaflow
