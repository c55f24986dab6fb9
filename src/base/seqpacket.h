// Unix SEQPACKET sockets: whole messages of at most 64 KiB with files beside them. Carries the
// session between a client and its agent. Everything is non-blocking and close-on-exec.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/packet.h"
#include "base/unique_fd.h"
#include "base/unix_listener.h"
#include "pegaflow/result.h"

namespace pegaflow {

inline constexpr std::size_t kMaxSeqpacketBytes = 64 * 1024;

// One connected end. Movable; not thread safe.
class SeqpacketSocket {
 public:
  // Takes over a connected SEQPACKET socket.
  explicit SeqpacketSocket(UniqueFd socket);
  // kUnavailable: nobody listens there; kDeadlineExceeded: nobody accepted in time. The only call
  // here that blocks.
  static Result<SeqpacketSocket> connect(const std::string& path, Millis timeout);
  // Two ends connected to each other.
  static Result<std::pair<SeqpacketSocket, SeqpacketSocket>> pair();

  // Sends one message; the descriptors stay the caller's. kInvalidArgument: empty, or over a limit;
  // kResourceExhausted: the socket is full, try again when it is writable; kUnavailable: the
  // other side is gone.
  Status send(std::string_view text, std::span<const int> fds = {}) const;
  // One message; nothing when none waits. kUnavailable: the other side closed; kProtocol: more
  // bytes or files than the limits (all files of it are closed).
  Result<std::optional<Packet>> receive() const;
  // The other side sees the end at once; the descriptor stays.
  void hang_up() const;
  int fd() const { return socket_.get(); }

 private:
  UniqueFd socket_;
};

class SeqpacketListener {
 public:
  static Result<SeqpacketListener> listen(const std::string& path,
                                          mode_t mode = kDefaultSocketMode);
  Result<std::optional<SeqpacketSocket>> accept() const;
  int fd() const { return listener_.fd(); }

 private:
  explicit SeqpacketListener(UnixListener listener) : listener_(std::move(listener)) {}
  UnixListener listener_;
};

}  // namespace pegaflow
