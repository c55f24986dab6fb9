// Channel: whole messages between a parent and one engine process of it.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "base/seqpacket.h"
#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow::tools {

// Not thread safe.
class Channel {
 public:
  explicit Channel(SeqpacketSocket socket) : socket_(std::move(socket)) {}

  // Sends now, or as soon as the socket takes more (flush). kUnavailable: the other side is gone;
  // kResourceExhausted: it has not read for kMaxWaiting messages.
  Status send(std::string text);
  // Call when writable. wants_write(): something still waits.
  Status flush();
  bool wants_write() const { return !waiting_.empty(); }
  // One message; nothing when none waits. kUnavailable: the other side is gone.
  Result<std::optional<std::string>> receive();
  int fd() const { return socket_.fd(); }

 private:
  static constexpr std::size_t kMaxWaiting = 4096;
  SeqpacketSocket socket_;
  std::deque<std::string> waiting_;
};

}  // namespace pegaflow::tools
