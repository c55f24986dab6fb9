// Sockets that speak whatever a test makes them say. Every wait ends after ten seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "base/unique_fd.h"

namespace pegaflow::http {

inline constexpr std::chrono::milliseconds kTestDeadline{10'000};

UniqueFd dial(std::uint16_t port);
void send_all(int socket, std::string_view bytes);
// What comes until the other side closes (or the deadline passes, which fails the test).
std::string receive_all(int socket);
// Sends one byte, unless something comes within ten milliseconds; false: the other side answered
// or closed.
bool drip(int socket);
// dial, send_all, receive_all.
std::string ask(std::uint16_t port, std::string_view bytes);

// Accepts one connection, reads until an empty line came, then says `answer` and closes, or, when
// `answer` is empty, holds the connection until destroyed.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer);
  ~OneAnswer();
  std::uint16_t port() const { return port_; }

 private:
  void run();
  const std::string answer_;
  UniqueFd listener_;
  UniqueFd done_read_, done_write_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace pegaflow::http
