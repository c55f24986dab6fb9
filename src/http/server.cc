#include "http/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

#include "base/check.h"
#include "base/event_fd.h"
#include "base/socket_io.h"
#include "http/connection_queue.h"
#include "http/exchange.h"
#include "http/listener.h"
#include "http/router.h"

namespace pegaflow::http {
namespace {

// Pause when the process has no descriptor left for a waiting connection.
constexpr std::chrono::milliseconds kDescriptorPause{50};
constexpr std::chrono::hours kNoDeadline{24 * 365};

}  // namespace

// The accepting thread hands connections to the working ones. Router and observer don't change
// once the threads run.
class Server::Impl {
 public:
  explicit Impl(ServerConfig config)
      : config_(std::move(config)), queue_(config_.max_queued_connections) {}

  Router& router() {
    PEGAFLOW_CHECK(!acceptor_.joinable());
    return router_;
  }
  void observe(Observer observer) {
    PEGAFLOW_CHECK(!acceptor_.joinable());
    observer_ = std::move(observer);
  }
  std::uint16_t port() const { return listener_.port; }

  Status start() {
    PEGAFLOW_CHECK(!acceptor_.joinable() && !stop_.has_value());
    PEGAFLOW_ASSIGN(listener_, listen_on(config_.address, config_.port));
    PEGAFLOW_ASSIGN(stop_, EventFd::create());
    for (std::size_t i = 0; i < config_.threads; ++i) {
      workers_.emplace_back([this] { work(); });
    }
    acceptor_ = std::thread([this] { accept(); });
    return {};
  }

  void stop() {
    if (!acceptor_.joinable()) return;
    stop_->signal();
    acceptor_.join();
    queue_.close();
    for (auto& worker : workers_) worker.join();
    workers_.clear();
    listener_.socket.reset();
  }

 private:
  bool stopping_within(int socket, std::chrono::steady_clock::duration time) const {
    return wait_for(socket, POLLIN, stop_->fd(), std::chrono::steady_clock::now() + time) ==
           StreamEnd::kCancelled;
  }

  void accept() {
    for (;;) {
      if (stopping_within(listener_.socket.get(), kNoDeadline)) return;
      auto connection = accept_connection(listener_.socket.get());
      if (!connection.ok()) {
        if (stopping_within(-1, kDescriptorPause)) return;
      } else if (connection->has_value()) {
        hand_over(std::move(**connection));
      }
    }
  }

  void hand_over(UniqueFd connection) {
    const int on = 1;
    ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto refused = queue_.push(std::move(connection));
    if (refused.has_value()) Exchange::refuse(std::move(*refused));
  }

  void work() {
    Exchange exchange(config_, router_, observer_, stop_->fd());
    while (auto connection = queue_.pop()) exchange.run(std::move(*connection));
  }

  const ServerConfig config_;
  Router router_;
  Observer observer_;
  ConnectionQueue queue_;
  Listener listener_;
  std::optional<EventFd> stop_;
  std::vector<std::thread> workers_;
  std::thread acceptor_;
};

Server::Server(ServerConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}

Server::~Server() { stop(); }

void Server::route(std::string_view method, std::string_view pattern, Handler handler) {
  impl_->router().add(method, pattern, std::move(handler));
}

void Server::observe(Observer observer) { impl_->observe(std::move(observer)); }

Status Server::start() { return impl_->start(); }

void Server::stop() { impl_->stop(); }

std::uint16_t Server::port() const { return impl_->port(); }

}  // namespace pegaflow::http
