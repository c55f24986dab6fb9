// System calls of sockets as the socket classes use them: accept, and sendmsg and recvmsg with
// files beside the bytes (SCM_RIGHTS).
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow {

// As sendmsg: how many bytes went out, or -1 and errno. Never blocks, never raises SIGPIPE.
// REQUIRES: at most kMaxPacketFds descriptors.
ssize_t send_with_fds(int socket, std::string_view bytes, std::span<const int> fds);

struct ReceivedBytes {
  ssize_t size = 0;           // as recvmsg's result; -1: errno says why
  bool bytes_cut = false;     // the message was longer than the room for it (MSG_TRUNC)
  bool fds_cut = false;       // more files than kMaxPacketFds, or than this process may open
  std::vector<UniqueFd> fds;  // close-on-exec
};
// Never blocks.
ReceivedBytes receive_with_fds(int socket, std::span<char> into);

// A connection (non-blocking, close-on-exec); nothing when none waits. kResourceExhausted: this
// process has no descriptor left; the connection keeps waiting.
Result<std::optional<UniqueFd>> accept_connection(int listening_socket);

}  // namespace pegaflow
