#include "agent/link/link_listener.h"

#include <sys/epoll.h>

#include <utility>
#include <variant>

namespace pegaflow::agent {
namespace {

constexpr int kMaxAcceptsPerTurn = 16;

}  // namespace

Status LinkListener::listen(const SocketAddress& at) {
  PEGAFLOW_ASSIGN(FrameListener listener, FrameListener::listen(at));
  const auto added = listeners_.insert(listeners_.end(), Listening{std::move(listener), nullptr});
  PEGAFLOW_ASSIGN(added->watch,
                  loop_.watch(added->listener.fd(), EPOLLIN,
                              [this, added](std::uint32_t) { on_connection(added->listener); }));
  return {};
}

void LinkListener::close() {
  pending_.clear();
  listeners_.clear();
}

void LinkListener::on_connection(const FrameListener& listener) {
  for (int n = 0; n < kMaxAcceptsPerTurn; ++n) {
    Result<std::optional<FrameSocket>> socket = listener.accept();
    if (!socket.ok()) return log_.warning("link socket: accept: " + socket.error().message());
    if (!*socket) return;
    if (pending_.size() >= kMaxPending) continue;  // closed at once
    add(std::move(**socket));
  }
}

void LinkListener::add(FrameSocket socket) {
  const auto at = pending_.insert(pending_.end(), Pending{});
  auto link_socket = LinkSocket::open(loop_, std::move(socket), [this, at] { on_ready(at); });
  if (!link_socket.ok()) {
    pending_.erase(at);
    return log_.warning("link socket: " + link_socket.error().message());
  }
  at->socket = std::move(*link_socket);
  at->timer = std::make_unique<Timer>(loop_.timers(), [this, at] { pending_.erase(at); });
  at->timer->arm(loop_.now() + deadline_);
}

void LinkListener::on_ready(PendingAt at) {
  Result<std::optional<LinkFrame>> frame = at->socket->receive();
  if (frame.ok() && !*frame) return;
  const wire::Link* link = frame.ok() ? std::get_if<wire::Link>(&(*frame)->message) : nullptr;
  FrameSocket socket = at->socket->release();
  pending_.erase(at);
  if (link != nullptr) return on_link_(std::move(socket), *link);
  log_.warning("link socket: expected LINK, " +
               (frame.ok() ? std::string("got something else") : frame.error().message()));
}

}  // namespace pegaflow::agent
