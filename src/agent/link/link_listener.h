// LinkListener: where P's agent is dialled: reads one LINK from each connection and passes it on.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "agent/link/link_socket.h"
#include "agent/log.h"
#include "agent/loop.h"
#include "agent/timers.h"
#include "base/frame_socket.h"
#include "base/socket_address.h"
#include "wire/setup.h"

namespace pegaflow::agent {

// All calls on the loop thread.
class LinkListener {
 public:
  static constexpr std::size_t kMaxPending = 64;  // connections without LINK; more are closed

  using OnLink = std::function<void(FrameSocket, const wire::Link&)>;
  LinkListener(Loop& loop, const Log& log, Nanos deadline, OnLink on_link)
      : loop_(loop), log_(log), deadline_(deadline), on_link_(std::move(on_link)) {}

  // One more place to listen at. kAlreadyExists, kSystem: it is taken.
  Status listen(const SocketAddress& at);
  // Listens nowhere any more; connections without LINK are closed.
  void close();

 private:
  struct Listening {
    FrameListener listener;
    std::unique_ptr<Loop::Watch> watch;
  };
  struct Pending {
    std::unique_ptr<LinkSocket> socket;
    std::unique_ptr<Timer> timer;
  };
  using PendingAt = std::list<Pending>::iterator;

  void on_connection(const FrameListener& listener);
  void add(FrameSocket socket);
  void on_ready(PendingAt at);

  Loop& loop_;
  const Log& log_;
  const Nanos deadline_;
  const OnLink on_link_;
  std::list<Listening> listeners_;
  std::list<Pending> pending_;  // ≤ kMaxPending
};

}  // namespace pegaflow::agent
