#include "agent/session/setup_channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

#include <utility>

namespace pegaflow::agent {

Result<std::unique_ptr<SetupChannel>> SetupChannel::open(Loop& loop, SeqpacketSocket socket,
                                                         std::function<void()> on_ready) {
  std::unique_ptr<SetupChannel> channel(new SetupChannel(std::move(socket), std::move(on_ready)));
  PEGAFLOW_ASSIGN(channel->watch_,
                  loop.watch(channel->fd(), EPOLLIN, [raw = channel.get()](std::uint32_t events) {
                    raw->on_events(events);
                  }));
  return channel;
}

void SetupChannel::on_events(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) on_ready_();
}

bool SetupChannel::hung_up() const {
  pollfd entry{fd(), POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

Status SetupChannel::send(const wire::SessionMessage& message, std::span<const int> fds) {
  PEGAFLOW_ASSIGN(std::string text, wire::encode_session(message));
  if (!queue_.empty()) return wait_in_queue(std::move(text), fds);
  Status sent = socket_.send(text, fds);
  if (sent.ok() || sent.error().code() != Code::kResourceExhausted) return sent;
  return wait_in_queue(std::move(text), fds);
}

Status SetupChannel::wait_in_queue(std::string text, std::span<const int> fds) {
  if (queue_.size() >= kMaxQueued) {
    return Error(
        Code::kResourceExhausted,
        "the client does not read: " + std::to_string(kMaxQueued) + " set-up messages wait for it");
  }
  Waiting waiting{std::move(text), {}};
  for (const int fd : fds) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return system_error("duplicating a descriptor for a client");
    waiting.fds.emplace_back(copy);
  }
  queue_.push_back(std::move(waiting));
  watch_->change(EPOLLIN | EPOLLOUT);
  return {};
}

void SetupChannel::flush() {
  while (!queue_.empty()) {
    std::vector<int> fds;
    for (const UniqueFd& fd : queue_.front().fds) fds.push_back(fd.get());
    const Status sent = socket_.send(queue_.front().text, fds);
    // The end of the connection is reported by receive().
    if (!sent.ok() && sent.error().code() == Code::kResourceExhausted) return;
    queue_.pop_front();
  }
  watch_->change(EPOLLIN);
}

Result<std::optional<SetupPacket>> SetupChannel::receive() {
  PEGAFLOW_ASSIGN(std::optional<Packet> packet, socket_.receive());
  if (!packet) return std::optional<SetupPacket>();
  PEGAFLOW_ASSIGN(wire::SessionMessage message, wire::decode_session(packet->text));
  return std::optional(SetupPacket{std::move(message), std::move(packet->fds)});
}

}  // namespace pegaflow::agent
