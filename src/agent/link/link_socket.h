// LinkSocket: the link socket of one incarnation: frames of LINK, regions and pools, and the first
// to show that the peer has gone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "agent/loop.h"
#include "base/frame_socket.h"
#include "pegaflow/result.h"
#include "wire/setup.h"

namespace pegaflow::agent {

struct LinkFrame {
  wire::LinkMessage message;
  std::vector<UniqueFd> fds;
};

// All calls on the loop thread.
class LinkSocket {
 public:
  // `on_ready` is called when the socket may have something to say; it may destroy this object.
  static Result<std::unique_ptr<LinkSocket>> open(Loop& loop, FrameSocket socket,
                                                  std::function<void()> on_ready);

  // True: connected. kUnavailable: refused.
  Result<bool> finish_connect();
  // Queues and writes what the kernel takes. Errors as FrameSocket::send.
  Status send(const wire::LinkMessage& message, std::span<const int> fds = {});
  // Writes what waits, then gives one frame, if one is complete. kUnavailable: the peer closed;
  // kProtocol: garbage.
  Result<std::optional<LinkFrame>> receive();
  bool is_unix() const { return socket_.is_unix(); }
  int fd() const { return socket_.fd(); }
  // Gives the socket away, to be opened anew by its next owner; this object is done then.
  FrameSocket release();

 private:
  explicit LinkSocket(FrameSocket socket) : socket_(std::move(socket)) {}
  void watch_for_what_is_due();

  FrameSocket socket_;
  std::unique_ptr<Loop::Watch> watch_;
  bool writing_ = false;
};

}  // namespace pegaflow::agent
