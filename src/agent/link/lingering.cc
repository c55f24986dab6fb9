#include "agent/link/lingering.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <utility>

#include "wire/setup.h"

namespace pegaflow::agent {
namespace {

// True: at its end.
bool discard(int socket) {
  std::array<char, 4096> bytes;
  while (true) {
    const ssize_t n = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n > 0) continue;
    return n == 0 || (errno != EAGAIN && errno != EINTR);
  }
}

}  // namespace

void LingeringSockets::say_no(FrameSocket socket, const Error& why) {
  const Result<std::string> text = wire::encode_link(wire::LinkNo{why.code(), why.message()});
  if (!text.ok() || !socket.send(*text).ok() || sockets_.size() >= kMaxSockets) return;
  ::shutdown(socket.fd(), SHUT_WR);
  const auto at = sockets_.insert(sockets_.end(), Lingering{std::move(socket), nullptr, nullptr});
  auto watch = loop_.watch(at->socket.fd(), EPOLLIN, [this, at](std::uint32_t) {
    if (discard(at->socket.fd())) sockets_.erase(at);
  });
  if (!watch.ok()) {
    sockets_.erase(at);
    return;
  }
  at->watch = std::move(*watch);
  at->timer = std::make_unique<Timer>(loop_.timers(), [this, at] { sockets_.erase(at); });
  at->timer->arm(loop_.now() + kLongest);
}

}  // namespace pegaflow::agent
