// Frames over stream sockets (TCP, Unix) between two agents. A frame is u32 length, u32 number of
// files (both little-endian), then `length` bytes of text; files travel by SCM_RIGHTS, on Unix
// sockets only. Everything is non-blocking and close-on-exec.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/packet.h"
#include "base/socket_address.h"
#include "base/unique_fd.h"
#include "base/unix_listener.h"
#include "pegaflow/result.h"

namespace pegaflow {

struct FrameLimits {
  std::size_t max_frame_bytes = 1024 * 1024;         // text of one frame
  std::size_t max_outgoing_bytes = 4 * 1024 * 1024;  // frames sent but not yet with the kernel
};

// One connected (or connecting) end. Movable; not thread safe.
// TCP ends have TCP_NODELAY and find a dead peer within about 4 s (keepalive, TCP_USER_TIMEOUT).
class FrameSocket {
 public:
  // Starts to connect; finish_connect() says how it went. kUnavailable: refused at once.
  static Result<FrameSocket> dial(const SocketAddress& to, FrameLimits limits = {});
  // Two connected Unix ends.
  static Result<std::pair<FrameSocket, FrameSocket>> pair(FrameLimits limits = {});

  // True: connected. False: not yet, ask again when fd() is writable. kUnavailable: failed.
  Result<bool> finish_connect();

  // Queues one frame and writes what the kernel takes now. The descriptors stay the caller's.
  // kInvalidArgument: empty, too long, too many files, files over TCP; kResourceExhausted: too
  // much is queued, nothing of this frame was; kUnavailable: the other side is gone.
  // May be called before finish_connect() said true.
  Status send(std::string_view text, std::span<const int> fds = {});
  // Writes what the kernel takes now; true when nothing is left.
  Result<bool> flush();
  // Poll for writability while this is true.
  bool wants_write() const { return connecting_ || !outgoing_.empty(); }

  // One frame; nothing when none is complete. kUnavailable: the other side closed; kProtocol: an
  // impossible length or number of files. After an error the socket is of no more use.
  Result<std::optional<Packet>> receive();

  bool is_unix() const { return unix_; }
  int fd() const { return socket_.get(); }

 private:
  friend class FrameListener;
  static constexpr std::size_t kHeaderBytes = 8;
  struct Outgoing {
    std::string bytes;  // header and text
    std::size_t sent = 0;
    std::vector<UniqueFd> fds;  // until the first byte is sent
  };

  FrameSocket(UniqueFd socket, bool is_unix, bool connecting, FrameLimits limits);
  Result<bool> read_frame();
  Result<std::size_t> read_some(std::span<char> into);
  Status check_header();
  Result<std::size_t> write_some(const Outgoing& frame) const;

  UniqueFd socket_;
  bool unix_;
  bool connecting_;
  FrameLimits limits_;

  std::deque<Outgoing> outgoing_;
  std::size_t outgoing_bytes_ = 0;

  // The frame being received: header first, then text; its files arrive with its first bytes.
  std::array<char, kHeaderBytes> header_{};
  std::size_t header_read_ = 0;
  std::size_t text_read_ = 0;
  std::uint32_t expected_fds_ = 0;
  Packet incoming_;
};

class FrameListener {
 public:
  // TCP port 0: any free one. A Unix path is guarded by a lock file (unix_listener.h).
  static Result<FrameListener> listen(const SocketAddress& at, FrameLimits limits = {});
  // A connection; nothing when none waits.
  Result<std::optional<FrameSocket>> accept() const;
  // The local TCP port; 0 for Unix.
  std::uint16_t port() const { return port_; }
  int fd() const;

 private:
  FrameListener() = default;
  std::optional<UnixListener> unix_;
  UniqueFd tcp_;  // exactly one of the two is there
  std::uint16_t port_ = 0;
  FrameLimits limits_;
};

}  // namespace pegaflow
