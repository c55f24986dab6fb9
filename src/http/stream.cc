#include "http/stream.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace pegaflow::http {
namespace {

constexpr std::size_t kBufferBytes = 16 * 1024;

int milliseconds_until(Deadline deadline) {
  constexpr std::int64_t kLongest = 60'000;  // then look again
  const auto left = deadline - std::chrono::steady_clock::now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<std::int64_t>(ms, 0, kLongest));
}

using NameCall = int (*)(int, sockaddr*, socklen_t*);

void address_of(int socket, NameCall name, std::string& ip, int& port) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (name(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    port = ntohs(v4.sin_port);
  } else if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    port = ntohs(v6.sin6_port);
  }
  ip = text.data();
}

}  // namespace

StreamEnd wait_for(int socket, short events, int cancel, Deadline deadline) {
  for (;;) {
    std::array<pollfd, 2> fds{{{socket, events, 0}, {cancel, POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), milliseconds_until(deadline));
    if (ready < 0 && errno != EINTR) return StreamEnd::kClosed;
    if (ready > 0 && fds[0].revents != 0) return StreamEnd::kNone;
    if (ready > 0 && fds[1].revents != 0) return StreamEnd::kCancelled;
    if (std::chrono::steady_clock::now() >= deadline) return StreamEnd::kTimeout;
  }
}

SocketStream::SocketStream(UniqueFd socket, int cancel)
    : socket_(std::move(socket)), cancel_(cancel) {}

ssize_t SocketStream::receive(char* out, std::size_t size) {
  if (budget_ == 0) {
    end_ = StreamEnd::kTooLarge;
    return -1;
  }
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), out, std::min(size, budget_), 0);
    if (got > 0) {
      budget_ -= static_cast<std::size_t>(got);
      return got;
    }
    if (got == 0) {
      end_ = StreamEnd::kClosed;
      return 0;
    }
    if (errno == EINTR) continue;
    end_ = errno == EAGAIN ? wait_for(socket_.get(), POLLIN, cancel_, read_deadline_)
                           : StreamEnd::kClosed;
    if (end_ != StreamEnd::kNone) return -1;
  }
}

StreamEnd SocketStream::fill_headers(std::size_t max_bytes) {
  std::array<char, kBufferBytes> chunk{};
  for (;;) {
    const auto empty_line = buffer_.find("\r\n\r\n");
    if (empty_line != std::string::npos && empty_line + 4 <= max_bytes) return StreamEnd::kNone;
    if (buffer_.size() >= max_bytes) return StreamEnd::kTooLarge;
    const ssize_t got = receive(chunk.data(), chunk.size());
    if (got <= 0) return end_;
    buffer_.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

void SocketStream::finish(Deadline deadline) {
  ::shutdown(socket_.get(), SHUT_WR);
  read_deadline_ = deadline;
  budget_ = static_cast<std::size_t>(-1);
  std::array<char, kBufferBytes> unwanted{};
  while (receive(unwanted.data(), unwanted.size()) > 0) {
    if (std::chrono::steady_clock::now() >= deadline) return;
  }
}

bool SocketStream::is_readable() const {
  return used_ < buffer_.size() ||
         wait_for(socket_.get(), POLLIN, cancel_, read_deadline_) == StreamEnd::kNone;
}

bool SocketStream::is_writable() const {
  return wait_for(socket_.get(), POLLOUT, cancel_, write_deadline_) == StreamEnd::kNone;
}

ssize_t SocketStream::read(char* out, std::size_t size) {
  if (used_ == buffer_.size()) {
    buffer_.resize(kBufferBytes);
    const ssize_t got = receive(buffer_.data(), buffer_.size());
    buffer_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    used_ = 0;
    if (got <= 0) return got;
  }
  const std::size_t n = std::min(size, buffer_.size() - used_);
  std::memcpy(out, buffer_.data() + used_, n);
  used_ += n;
  return static_cast<ssize_t>(n);
}

ssize_t SocketStream::write(const char* bytes, std::size_t size) {
  for (;;) {
    const ssize_t sent = ::send(socket_.get(), bytes, size, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno == EINTR) continue;
    end_ = errno == EAGAIN ? wait_for(socket_.get(), POLLOUT, cancel_, write_deadline_)
                           : StreamEnd::kClosed;
    if (end_ != StreamEnd::kNone) return -1;
  }
}

void SocketStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  address_of(socket_.get(), &::getpeername, ip, port);
}

void SocketStream::get_local_ip_and_port(std::string& ip, int& port) const {
  address_of(socket_.get(), &::getsockname, ip, port);
}

}  // namespace pegaflow::http
