// pidfds: descriptors that become readable when a process has exited, and who is at the other end
// of a Unix socket. A readable pidfd proves that a process runs no code any more; EOF of its
// socket does not (GPU teardown comes between the two).
#pragma once

#include <sys/types.h>

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow {

struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

// The process that connected (or listened at) the other end of a connected Unix socket.
Result<PeerCredentials> peer_credentials(int unix_socket);

// A pidfd of the process at the other end: SO_PEERPIDFD (Linux ≥ 6.5), otherwise by pid.
// kUnavailable: that process is gone. Works for sockets that only the peer itself holds: a process
// that hands its socket to another one is still the peer.
Result<UniqueFd> pidfd_of_peer(int unix_socket);

// The two ways of pidfd_of_peer. By option: kUnsupported on older kernels. By pid: opens
// SO_PEERCRED's pid, then checks that the socket is not at EOF, so that the pid was not reused
// before it was opened.
Result<UniqueFd> pidfd_of_peer_by_option(int unix_socket);
Result<UniqueFd> pidfd_of_peer_by_pid(int unix_socket);

// kUnavailable: no such process.
Result<UniqueFd> pidfd_of_process(pid_t pid);

// The process has exited (a zombie counts as exited: it runs no code and holds no memory).
bool exited(const UniqueFd& pidfd);

}  // namespace pegaflow
