// A connected socket with deadlines, a byte budget and a way to be cut off, in the form that
// httplib reads and writes. Includes httplib: internal to this folder.
#pragma once

#include <httplib.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "base/unique_fd.h"

namespace pegaflow::http {

using Deadline = std::chrono::steady_clock::time_point;

// Why reading or writing came to an end.
enum class StreamEnd {
  kNone,
  kClosed,     // by the other side, orderly or not
  kTimeout,    // the deadline passed
  kCancelled,  // the cancel descriptor became readable
  kTooLarge,   // more bytes than the budget
};

// Waits for `events` of `socket` until `deadline`; kNone: they are there. What is ready goes
// before `cancel` (a descriptor that becomes readable; -1: none).
StreamEnd wait_for(int socket, short events, int cancel, Deadline deadline);

class SocketStream final : public httplib::Stream {
 public:
  // `socket` is connected and non-blocking. `cancel` outlives the stream.
  SocketStream(UniqueFd socket, int cancel);

  void read_until(Deadline deadline) { read_deadline_ = deadline; }
  void write_until(Deadline deadline) { write_deadline_ = deadline; }
  void read_at_most(std::size_t bytes) { budget_ = bytes; }

  // Buffers everything up to the empty line that ends the headers. kNone: it is there.
  StreamEnd fill_headers(std::size_t max_bytes);
  // Ends the sending side, then drops what still comes until the other side closes or `deadline`
  // passes: closing with bytes unread would reset the connection under our answer.
  void finish(Deadline deadline);

  StreamEnd end() const { return end_; }

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* out, std::size_t size) override;
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_.get(); }

 private:
  // > 0: bytes received; 0: closed; −1: end_ says why.
  ssize_t receive(char* out, std::size_t size);

  UniqueFd socket_;
  const int cancel_;
  Deadline read_deadline_{};
  Deadline write_deadline_{};
  std::size_t budget_ = 0;  // bytes that may still be received
  std::string buffer_;      // received, not yet read …
  std::size_t used_ = 0;    // … from here on
  StreamEnd end_ = StreamEnd::kNone;
};

}  // namespace pegaflow::http
