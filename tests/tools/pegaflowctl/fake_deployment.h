// A rendezvous service as it is, and agents that only have the HTTP that pegaflowctl asks.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "agents.h"
#include "base/clock.h"
#include "http/server.h"
#include "metrics/registry.h"
#include "rendezvous/server.h"
#include "topology/parse.h"

namespace pegaflow::ctl {

inline constexpr std::chrono::milliseconds kTestDeadline{10'000};

// An agent's status with one link and one region.
struct FakeStatus {
  bool ready = true;
  std::string direction = "from", peer = "p", state = "up";
  std::uint64_t bytes_per_second = 2'000'000'000, round_trip_ns = 4'200;
  std::uint64_t retired = 0;
  bool gpu = false;  // the region is a GPU's; there is another whose context is not known
  std::string text() const;
};

class FakeAgent {
 public:
  FakeAgent();
  std::string http() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  void stop() { server_.stop(); }

  FakeStatus status;                 // set before the first call
  std::atomic<bool> measures{true};  // POST /v1/probe changes the figures
 private:
  std::atomic<std::uint64_t> probes_{0};
  http::Server server_{http::ServerConfig{}};
};

// Nodes "p" and "d", one mapped link.
class FakeDeployment {
 public:
  FakeDeployment();
  void register_agent(const std::string& name);
  Target target() const;
  void stop_rendezvous() { rendezvous_->stop(); }

  FakeAgent p, d;

 private:
  topology::Topology topology_;
  SteadyClock clock_;
  metrics::RendezvousMetrics metrics_{{"pegaflow-rendezvous", "1", ""}};
  rendezvous::MemoryStore store_{clock_, std::chrono::milliseconds(60'000)};
  std::unique_ptr<rendezvous::Server> rendezvous_;
};

}  // namespace pegaflow::ctl
