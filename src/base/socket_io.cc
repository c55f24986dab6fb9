#include "base/socket_io.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/packet.h"

namespace pegaflow {
namespace {

struct ControlBuffer {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxPacketFds)> bytes{};
};

void take_fds(msghdr& message, std::vector<UniqueFd>& fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

}  // namespace

ssize_t send_with_fds(int socket, std::string_view bytes, std::span<const int> fds) {
  PEGAFLOW_CHECK(fds.size() <= kMaxPacketFds);
  iovec data{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  ControlBuffer control;
  if (!fds.empty()) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(part), fds.data(), fds.size_bytes());
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

ReceivedBytes receive_with_fds(int socket, std::span<char> into) {
  iovec data{into.data(), into.size()};
  ControlBuffer control;
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ReceivedBytes received;
  do {
    received.size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (received.size < 0 && errno == EINTR);
  if (received.size < 0) return received;
  received.bytes_cut = (message.msg_flags & MSG_TRUNC) != 0;
  received.fds_cut = (message.msg_flags & MSG_CTRUNC) != 0;
  take_fds(message, received.fds);
  return received;
}

Result<std::optional<UniqueFd>> accept_connection(int listening_socket) {
  UniqueFd connection(::accept4(listening_socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (connection.valid()) return std::optional(std::move(connection));
  switch (errno) {
    case EAGAIN:
    case EINTR:
    case ECONNABORTED:  // gave up before we came
      return std::optional<UniqueFd>();
    case EMFILE:
    case ENFILE:
      return Error(Code::kResourceExhausted,
                   "accept a connection: no file descriptor is left; raise the limit (ulimit -n)");
    default:
      return system_error("accept a connection");
  }
}

}  // namespace pegaflow
