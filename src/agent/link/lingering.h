// LingeringSockets: link sockets that have said LINK_NO. A TCP socket closed with unread bytes
// takes its last words with it, so these are read to their end first, for a bounded time.
#pragma once

#include <list>
#include <memory>

#include "agent/loop.h"
#include "agent/timers.h"
#include "base/frame_socket.h"
#include "pegaflow/result.h"

namespace pegaflow::agent {

// All calls on the loop thread.
class LingeringSockets {
 public:
  static constexpr std::size_t kMaxSockets = 64;  // more are closed at once
  static constexpr Nanos kLongest = std::chrono::seconds(1);

  explicit LingeringSockets(Loop& loop) : loop_(loop) {}
  // Tells the peer why, as far as it still listens.
  void say_no(FrameSocket socket, const Error& why);
  std::size_t size() const { return sockets_.size(); }

 private:
  struct Lingering {
    FrameSocket socket;
    std::unique_ptr<Timer> timer;
    std::unique_ptr<Loop::Watch> watch;
  };
  Loop& loop_;
  std::list<Lingering> sockets_;  // ≤ kMaxSockets; references stay
};

}  // namespace pegaflow::agent
