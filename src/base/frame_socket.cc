#include "base/frame_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/socket_io.h"

namespace pegaflow {
namespace {

constexpr int kKeepaliveIdleSeconds = 1;
constexpr int kKeepaliveIntervalSeconds = 1;
constexpr int kKeepaliveCount = 3;
constexpr int kUserTimeoutMillis = 3000;

Error lost(std::string_view what) {
  const int saved = errno;
  return {Code::kUnavailable, std::string(what) + ": " + std::generic_category().message(saved)};
}

Status set_option(int socket, int level, int name, int value) {
  if (::setsockopt(socket, level, name, &value, sizeof value) == 0) return {};
  return system_error("set TCP option " + std::to_string(name));
}

Status watch_peer(int socket) {
  PEGAFLOW_TRY(set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1));
  PEGAFLOW_TRY(set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1));
  PEGAFLOW_TRY(set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds));
  PEGAFLOW_TRY(set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds));
  PEGAFLOW_TRY(set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveCount));
  return set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMillis);
}

std::string frame_bytes(std::string_view text, std::size_t fds) {
  const std::array<std::uint32_t, 2> header{static_cast<std::uint32_t>(text.size()),
                                            static_cast<std::uint32_t>(fds)};
  std::string bytes(reinterpret_cast<const char*>(header.data()), sizeof header);
  bytes += text;
  return bytes;
}

Result<std::vector<UniqueFd>> duplicate_all(std::span<const int> fds) {
  std::vector<UniqueFd> copies;
  copies.reserve(fds.size());
  for (const int fd : fds) {
    copies.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copies.back().valid()) return system_error("duplicate a file to send");
  }
  return copies;
}

}  // namespace

FrameSocket::FrameSocket(UniqueFd socket, bool is_unix, bool connecting, FrameLimits limits)
    : socket_(std::move(socket)), unix_(is_unix), connecting_(connecting), limits_(limits) {}

Result<FrameSocket> FrameSocket::dial(const SocketAddress& to, FrameLimits limits) {
  UniqueFd socket(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("create a socket for " + to.text());
  if (!to.is_unix()) PEGAFLOW_TRY(watch_peer(socket.get()));
  const bool connected = ::connect(socket.get(), to.raw(), to.size()) == 0;
  if (!connected && errno != EINPROGRESS && errno != EINTR) return lost("connect to " + to.text());
  return FrameSocket(std::move(socket), to.is_unix(), !connected, limits);
}

Result<std::pair<FrameSocket, FrameSocket>> FrameSocket::pair(FrameLimits limits) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("create a pair of sockets");
  }
  return std::pair(FrameSocket(UniqueFd(ends[0]), true, false, limits),
                   FrameSocket(UniqueFd(ends[1]), true, false, limits));
}

Result<bool> FrameSocket::finish_connect() {
  if (!connecting_) return true;
  pollfd entry{fd(), POLLOUT, 0};
  if (::poll(&entry, 1, 0) <= 0) return false;
  int failure = 0;
  socklen_t size = sizeof failure;
  if (::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &failure, &size) != 0) {
    return system_error("ask how a connection attempt went");
  }
  if (failure != 0) {
    errno = failure;
    return lost("connect");
  }
  connecting_ = false;
  return true;
}

Status FrameSocket::send(std::string_view text, std::span<const int> fds) {
  if (text.empty() || text.size() > limits_.max_frame_bytes) {
    return Error(Code::kInvalidArgument, "a frame has 1 to " +
                                             std::to_string(limits_.max_frame_bytes) +
                                             " bytes, got " + std::to_string(text.size()));
  }
  if (fds.size() > (unix_ ? kMaxPacketFds : 0)) {
    return Error(Code::kInvalidArgument,
                 "a frame carries at most " + std::to_string(kMaxPacketFds) +
                     " files on a Unix socket and none on TCP, got " + std::to_string(fds.size()));
  }
  if (outgoing_bytes_ + kHeaderBytes + text.size() > limits_.max_outgoing_bytes) {
    return Error(Code::kResourceExhausted,
                 "the peer does not read: " + std::to_string(outgoing_bytes_) + " of at most " +
                     std::to_string(limits_.max_outgoing_bytes) + " bytes are queued");
  }
  PEGAFLOW_ASSIGN(std::vector<UniqueFd> copies, duplicate_all(fds));
  outgoing_.push_back({frame_bytes(text, fds.size()), 0, std::move(copies)});
  outgoing_bytes_ += outgoing_.back().bytes.size();
  PEGAFLOW_ASSIGN([[maybe_unused]] const bool all, flush());
  return {};
}

Result<bool> FrameSocket::flush() {
  PEGAFLOW_ASSIGN(const bool connected, finish_connect());
  if (!connected) return false;
  while (!outgoing_.empty()) {
    Outgoing& frame = outgoing_.front();
    PEGAFLOW_ASSIGN(const std::size_t sent, write_some(frame));
    if (sent == 0) return false;
    frame.sent += sent;
    frame.fds.clear();
    outgoing_bytes_ -= sent;
    if (frame.sent == frame.bytes.size()) outgoing_.pop_front();
  }
  return true;
}

// 0: the kernel takes nothing now.
Result<std::size_t> FrameSocket::write_some(const Outgoing& frame) const {
  std::array<int, kMaxPacketFds> fds{};
  for (std::size_t i = 0; i < frame.fds.size(); ++i) fds[i] = frame.fds[i].get();
  const auto rest = std::string_view(frame.bytes).substr(frame.sent);
  const auto sent = send_with_fds(fd(), rest, std::span(fds).first(frame.fds.size()));
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == ENOBUFS) return std::size_t{0};
  return lost("send a frame");
}

Result<std::optional<Packet>> FrameSocket::receive() {
  PEGAFLOW_ASSIGN(const bool connected, finish_connect());
  if (!connected) return std::optional<Packet>();
  PEGAFLOW_ASSIGN(const bool complete, read_frame());
  if (!complete) return std::optional<Packet>();
  if (incoming_.fds.size() != expected_fds_) {
    return Error(Code::kProtocol, "a frame announced " + std::to_string(expected_fds_) +
                                      " files and brought " + std::to_string(incoming_.fds.size()));
  }
  header_read_ = 0;
  text_read_ = 0;
  return std::optional(std::exchange(incoming_, {}));
}

// Reads exactly up to the frame's end, so that files never mix with the next frame's.
Result<bool> FrameSocket::read_frame() {
  while (header_read_ < kHeaderBytes) {
    PEGAFLOW_ASSIGN(const std::size_t got, read_some(std::span(header_).subspan(header_read_)));
    if (got == 0) return false;
    header_read_ += got;
    if (header_read_ == kHeaderBytes) PEGAFLOW_TRY(check_header());
  }
  while (text_read_ < incoming_.text.size()) {
    PEGAFLOW_ASSIGN(const std::size_t got,
                    read_some(std::span<char>(incoming_.text).subspan(text_read_)));
    if (got == 0) return false;
    text_read_ += got;
  }
  return true;
}

Status FrameSocket::check_header() {
  std::uint32_t length = 0;
  std::memcpy(&length, header_.data(), sizeof length);
  std::memcpy(&expected_fds_, header_.data() + sizeof length, sizeof expected_fds_);
  if (length == 0 || length > limits_.max_frame_bytes) {
    return Error(Code::kProtocol, "a frame says it has " + std::to_string(length) +
                                      " bytes, expected 1 to " +
                                      std::to_string(limits_.max_frame_bytes));
  }
  if (expected_fds_ > (unix_ ? kMaxPacketFds : 0)) {
    return Error(Code::kProtocol, "a frame says it has " + std::to_string(expected_fds_) +
                                      " files, expected at most " +
                                      std::to_string(unix_ ? kMaxPacketFds : 0));
  }
  incoming_.text.resize(length);
  return {};
}

// 0: nothing is there now.
Result<std::size_t> FrameSocket::read_some(std::span<char> into) {
  ReceivedBytes received = receive_with_fds(fd(), into);
  if (received.size < 0) {
    if (errno == EAGAIN) return std::size_t{0};
    return lost("receive a frame");
  }
  if (received.size == 0) {
    return Error(Code::kUnavailable, header_read_ == 0
                                         ? "the other side closed the connection"
                                         : "the other side closed the connection within a frame");
  }
  for (UniqueFd& fd : received.fds) incoming_.fds.push_back(std::move(fd));
  if (received.fds_cut || incoming_.fds.size() > kMaxPacketFds) {
    return Error(Code::kProtocol, "a frame carries more than " + std::to_string(kMaxPacketFds) +
                                      " files, or more than this process may open");
  }
  return static_cast<std::size_t>(received.size);
}

// ---- FrameListener

namespace {

Result<std::uint16_t> local_port(int socket) {
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&local), &size) != 0) {
    return system_error("ask for a socket's port");
  }
  // Port and family lie at the same place for both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&local)->sin_port);
}

Result<UniqueFd> listen_tcp(const SocketAddress& at) {
  UniqueFd socket(::socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("create a socket for " + at.text());
  PEGAFLOW_TRY(set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1));
  if (::bind(socket.get(), at.raw(), at.size()) != 0 || ::listen(socket.get(), SOMAXCONN) != 0) {
    return system_error("listen at " + at.text());
  }
  return socket;
}

}  // namespace

Result<FrameListener> FrameListener::listen(const SocketAddress& at, FrameLimits limits) {
  FrameListener listener;
  listener.limits_ = limits;
  if (at.is_unix()) {
    PEGAFLOW_ASSIGN(UnixListener unix_listener, UnixListener::listen(at.text(), SOCK_STREAM));
    listener.unix_.emplace(std::move(unix_listener));
    return listener;
  }
  PEGAFLOW_ASSIGN(listener.tcp_, listen_tcp(at));
  PEGAFLOW_ASSIGN(listener.port_, local_port(listener.tcp_.get()));
  return listener;
}

Result<std::optional<FrameSocket>> FrameListener::accept() const {
  PEGAFLOW_ASSIGN(std::optional<UniqueFd> connection, accept_connection(fd()));
  if (!connection) return std::optional<FrameSocket>();
  // Fails only for a connection that is broken already.
  if (!unix_ && !watch_peer(connection->get()).ok()) return std::optional<FrameSocket>();
  return std::optional(FrameSocket(*std::move(connection), unix_.has_value(), false, limits_));
}

int FrameListener::fd() const { return unix_ ? unix_->fd() : tcp_.get(); }

}  // namespace pegaflow
