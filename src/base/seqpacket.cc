#include "base/seqpacket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>

#include "base/socket_address.h"
#include "base/socket_io.h"

namespace pegaflow {
namespace {

Error closed() { return {Code::kUnavailable, "the other side closed the socket"}; }

// A connect that waits for a free place in the listener's backlog gives up after this long.
Status limit_wait(int socket, Nanos left) {
  const auto micros = std::chrono::ceil<std::chrono::microseconds>(left).count();
  const timeval wait{micros / 1'000'000, micros % 1'000'000};
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0) {
    return system_error("set a socket's time limit");
  }
  return {};
}

Error connect_error(const std::string& path, Millis timeout) {
  switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
      return {Code::kUnavailable, "nobody listens at " + path};
    case EAGAIN:
      return {Code::kDeadlineExceeded, "nobody accepted a connection at " + path + " within " +
                                           std::to_string(timeout.count()) + " ms"};
    default:
      return system_error("connect to " + path);
  }
}

Status connect_until(int socket, const SocketAddress& to, Millis timeout) {
  const SteadyClock clock;
  const TimePoint deadline = clock.now() + timeout;
  for (;;) {
    const Nanos left = deadline - clock.now();
    if (left <= Nanos(0)) {
      errno = EAGAIN;
      return connect_error(to.text(), timeout);
    }
    PEGAFLOW_TRY(limit_wait(socket, left));
    if (::connect(socket, to.raw(), to.size()) == 0) return {};
    if (errno != EINTR) return connect_error(to.text(), timeout);
  }
}

Status check_size(std::string_view text, std::span<const int> fds) {
  if (text.empty() || text.size() > kMaxSeqpacketBytes) {
    return Error(Code::kInvalidArgument, "a message has 1 to " +
                                             std::to_string(kMaxSeqpacketBytes) + " bytes, got " +
                                             std::to_string(text.size()));
  }
  if (fds.size() > kMaxPacketFds) {
    return Error(Code::kInvalidArgument, "a message carries at most " +
                                             std::to_string(kMaxPacketFds) + " files, got " +
                                             std::to_string(fds.size()));
  }
  return {};
}

}  // namespace

SeqpacketSocket::SeqpacketSocket(UniqueFd socket) : socket_(std::move(socket)) {}

Result<SeqpacketSocket> SeqpacketSocket::connect(const std::string& path, Millis timeout) {
  PEGAFLOW_ASSIGN(const SocketAddress to, SocketAddress::unix_path(path));
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("create a Unix socket");
  PEGAFLOW_TRY(connect_until(socket.get(), to, timeout));
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) {
    return system_error("make a socket non-blocking");
  }
  return SeqpacketSocket(std::move(socket));
}

Result<std::pair<SeqpacketSocket, SeqpacketSocket>> SeqpacketSocket::pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("create a pair of sockets");
  }
  return std::pair(SeqpacketSocket(UniqueFd(ends[0])), SeqpacketSocket(UniqueFd(ends[1])));
}

Status SeqpacketSocket::send(std::string_view text, std::span<const int> fds) const {
  PEGAFLOW_TRY(check_size(text, fds));
  if (send_with_fds(fd(), text, fds) >= 0) return {};
  switch (errno) {
    case EAGAIN:
      return Error(Code::kResourceExhausted, "the socket is full; send again when it is writable");
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
      return closed();
    default:
      return system_error("send a message of " + std::to_string(text.size()) + " bytes");
  }
}

void SeqpacketSocket::hang_up() const { ::shutdown(socket_.get(), SHUT_RDWR); }

Result<std::optional<Packet>> SeqpacketSocket::receive() const {
  // On the stack, and not set to zero: most calls find nothing and must cost only the system call.
  std::array<char, kMaxSeqpacketBytes> text;
  ReceivedBytes received = receive_with_fds(fd(), text);
  if (received.size < 0) {
    if (errno == EAGAIN) return std::optional<Packet>();
    if (errno == ECONNRESET) return closed();
    return system_error("receive a message");
  }
  if (received.bytes_cut) {
    return Error(Code::kProtocol,
                 "a message is longer than " + std::to_string(kMaxSeqpacketBytes) + " bytes");
  }
  if (received.fds_cut) {
    return Error(Code::kProtocol, "a message carries more than " + std::to_string(kMaxPacketFds) +
                                      " files, or more than this process may open");
  }
  if (received.size == 0) return closed();
  return std::optional(Packet{std::string(text.data(), static_cast<std::size_t>(received.size)),
                              std::move(received.fds)});
}

Result<SeqpacketListener> SeqpacketListener::listen(const std::string& path, mode_t mode) {
  PEGAFLOW_ASSIGN(UnixListener listener, UnixListener::listen(path, SOCK_SEQPACKET, mode));
  return SeqpacketListener(std::move(listener));
}

Result<std::optional<SeqpacketSocket>> SeqpacketListener::accept() const {
  PEGAFLOW_ASSIGN(std::optional<UniqueFd> connection, listener_.accept());
  if (!connection) return std::optional<SeqpacketSocket>();
  return std::optional(SeqpacketSocket(*std::move(connection)));
}

}  // namespace pegaflow
