// Calls to the rendezvous service, each with a deadline. Registrar (registrar.h) keeps an agent
// registered with them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pegaflow/result.h"
#include "rendezvous/record.h"
#include "rendezvous/store.h"

namespace pegaflow::rendezvous {

// Thread safe. Errors: as http::Client; a refusal has the code that the server named (Store's and
// Server's errors), else one that fits its status, and the server's message.
class Client {
 public:
  Client(std::string host, std::uint16_t port);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Result<Lease> put(const PutRequest& request, std::chrono::milliseconds deadline);
  Result<Lease> heartbeat(std::string_view name, AgentEpoch epoch,
                          std::chrono::milliseconds deadline);
  Status remove(std::string_view name, AgentEpoch epoch, std::chrono::milliseconds deadline);
  Result<AgentRecord> get(std::string_view name, std::chrono::milliseconds deadline);
  // `deadline` counts on top of `wait`.
  Result<Listing> list(const std::optional<Revision>& since, std::chrono::milliseconds wait,
                       std::chrono::milliseconds deadline);
  // Ends calls in flight and all later ones.
  void cancel();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pegaflow::rendezvous
