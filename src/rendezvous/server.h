// The rendezvous service: the HTTP routes over a Store. docs/openapi/rendezvous.yaml describes
// them; docs/HTTP_API.md explains.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "metrics/registry.h"
#include "pegaflow/result.h"
#include "rendezvous/store.h"
#include "topology/topology.h"

namespace pegaflow::rendezvous {

struct ServerConfig {
  std::string address;                         // numeric
  std::uint16_t port = 0;                      // 0: the system chooses
  std::string version;                         // for /version
  std::chrono::milliseconds max_wait{30'000};  // longer waits of a poll are shortened to this
  std::size_t max_record_bytes = std::size_t{8} << 20;
};

// Runs 2 × nodes + 8 threads: each long poll holds one.
class Server {
 public:
  // All references outlive the server. `topology_json` is served as it is.
  Server(ServerConfig config, const topology::Topology& topology, std::string topology_json,
         Store& store, metrics::RendezvousMetrics& metrics);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Status start();
  void stop();  // interrupts the store's waiters
  std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pegaflow::rendezvous
