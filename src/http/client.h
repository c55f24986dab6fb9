// HTTP calls with one deadline for everything: name look-up apart, connecting, sending and
// receiving end when it has passed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.h"
#include "pegaflow/result.h"

namespace pegaflow::http {

struct ClientConfig {
  std::string host;  // a number or a name; names are looked up per call, by the system's rules
  std::uint16_t port = 0;
  std::size_t max_response_bytes = std::size_t{64} << 20;
};

// A new connection per call. Calls may come from several threads at once.
// Errors: kUnavailable (no connection, connection lost), kDeadlineExceeded, kProtocol (not HTTP),
// kResourceExhausted (response too large), kFailedPrecondition (cancelled). A status ≥ 400 is a
// Response, not an error.
class Client {
 public:
  explicit Client(ClientConfig config);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `target`: path and query, encoded.
  Result<Response> get(std::string_view target, std::chrono::milliseconds deadline);
  Result<Response> put(std::string_view target, std::string_view json,
                       std::chrono::milliseconds deadline);
  Result<Response> post(std::string_view target, std::string_view json,
                        std::chrono::milliseconds deadline);
  Result<Response> del(std::string_view target, std::chrono::milliseconds deadline);

  // Ends calls in flight and all later ones. Thread safe.
  void cancel();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Encodes one path segment or query value.
std::string percent_encode(std::string_view text);

}  // namespace pegaflow::http
