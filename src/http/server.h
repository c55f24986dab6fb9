// A small HTTP/1.1 server for control documents: a thread per request from a fixed set, one
// request per connection, everything bounded in bytes and time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.h"
#include "pegaflow/result.h"

namespace pegaflow::http {

struct ServerConfig {
  std::string address = "127.0.0.1";                  // numeric
  std::uint16_t port = 0;                             // 0: the system chooses; port() tells
  std::size_t threads = 8;                            // requests handled at once
  std::size_t max_queued_connections = 128;           // beyond: answered 503 and closed
  std::size_t max_header_bytes = 8 * 1024;            // request line and headers; beyond: 431
  std::size_t max_body_bytes = std::size_t{4} << 20;  // beyond: 413
  // From the first read of a connection until the request is complete; a client that drips bytes
  // is cut off (408).
  std::chrono::milliseconds read_deadline{5'000};
  std::chrono::milliseconds write_deadline{10'000};  // for the whole response
};

// Runs on one of the server's threads; several at once. What it throws becomes a 500.
using Handler = std::function<Response(const Request&)>;

// Told after each answered request; called from the server's threads.
struct Answered {
  std::string_view method;
  std::string_view pattern;  // of the route; empty when none matched
  int status = 0;
  std::chrono::nanoseconds duration{};
};
using Observer = std::function<void(const Answered&)>;

class Server {
 public:
  explicit Server(ServerConfig config);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // "GET", "/v1/agents/{name}": a {name} matches one non-empty segment. GET routes answer HEAD,
  // too. Before start() only; patterns don't overlap.
  void route(std::string_view method, std::string_view pattern, Handler handler);
  void observe(Observer observer);  // before start() only

  Status start();
  // Refuses new connections, cuts those still reading or writing, and returns when every handler
  // has. Handlers that wait must be woken by their owner first. Idempotent.
  void stop();
  std::uint16_t port() const;  // after start()

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pegaflow::http
