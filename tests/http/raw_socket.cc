#include "raw_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace pegaflow::http {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool readable(int fd, std::chrono::milliseconds within = kTestDeadline) {
  pollfd poll_fd{fd, POLLIN, 0};
  return ::poll(&poll_fd, 1, static_cast<int>(within.count())) == 1;
}

}  // namespace

UniqueFd dial(std::uint16_t port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            0);
  return socket;
}

void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the other side has had enough
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string receive_all(int socket) {
  std::string all;
  std::array<char, 4096> chunk{};
  while (readable(socket)) {
    const ssize_t got = ::recv(socket, chunk.data(), chunk.size(), 0);
    if (got <= 0) return all;
    all.append(chunk.data(), static_cast<std::size_t>(got));
  }
  ADD_FAILURE() << "the other side neither answered nor closed";
  return all;
}

bool drip(int socket) {
  if (readable(socket, std::chrono::milliseconds(10))) return false;
  return ::send(socket, "x", 1, MSG_NOSIGNAL) == 1;
}

std::string ask(std::uint16_t port, std::string_view bytes) {
  const UniqueFd socket = dial(port);
  send_all(socket.get(), bytes);
  return receive_all(socket.get());
}

OneAnswer::OneAnswer(std::string answer)
    : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener_.get(), 4), 0);
  EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  done_read_ = UniqueFd(ends[0]);
  done_write_ = UniqueFd(ends[1]);
  thread_ = std::thread([this] { run(); });
}

OneAnswer::~OneAnswer() {
  done_write_.reset();
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

void OneAnswer::run() {
  const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection.valid()) return;
  std::string request;
  std::array<char, 4096> chunk{};
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = ::recv(connection.get(), chunk.data(), chunk.size(), 0);
    if (got <= 0) return;
    request.append(chunk.data(), static_cast<std::size_t>(got));
  }
  if (answer_.empty()) {
    (void)readable(done_read_.get());
  } else {
    send_all(connection.get(), answer_);
  }
}

}  // namespace pegaflow::http
