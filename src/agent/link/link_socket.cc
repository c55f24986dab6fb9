#include "agent/link/link_socket.h"

#include <sys/epoll.h>

#include <utility>

namespace pegaflow::agent {

Result<std::unique_ptr<LinkSocket>> LinkSocket::open(Loop& loop, FrameSocket socket,
                                                     std::function<void()> on_ready) {
  std::unique_ptr<LinkSocket> link(new LinkSocket(std::move(socket)));
  PEGAFLOW_ASSIGN(
      link->watch_,
      loop.watch(link->fd(), EPOLLIN, [call = std::move(on_ready)](std::uint32_t) { call(); }));
  link->watch_for_what_is_due();
  return link;
}

FrameSocket LinkSocket::release() {
  watch_.reset();
  return std::move(socket_);
}

void LinkSocket::watch_for_what_is_due() {
  if (std::exchange(writing_, socket_.wants_write()) == writing_) return;
  watch_->change(writing_ ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

Result<bool> LinkSocket::finish_connect() {
  const Result<bool> connected = socket_.finish_connect();
  watch_for_what_is_due();
  return connected;
}

Status LinkSocket::send(const wire::LinkMessage& message, std::span<const int> fds) {
  PEGAFLOW_ASSIGN(const std::string text, wire::encode_link(message));
  const Status sent = socket_.send(text, fds);
  watch_for_what_is_due();
  return sent;
}

Result<std::optional<LinkFrame>> LinkSocket::receive() {
  const Result<bool> flushed = socket_.flush();
  watch_for_what_is_due();
  PEGAFLOW_ASSIGN(std::optional<Packet> packet, socket_.receive());
  if (!packet) {
    if (!flushed.ok()) return flushed.error();
    return std::optional<LinkFrame>();
  }
  PEGAFLOW_ASSIGN(wire::LinkMessage message, wire::decode_link(packet->text));
  return std::optional(LinkFrame{std::move(message), std::move(packet->fds)});
}

}  // namespace pegaflow::agent
