// Router: which request goes when to the engines of both sides, and what became of each. Pure: it
// is told the time and the engines' reports, and answers with what to send.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pegaflow-demo/messages.h"
#include "pegaflow-demo/prompt.h"

namespace pegaflow::demo {

// What became of one request, over all ranks of both sides.
struct Outcome {
  std::uint32_t n_tokens = 0;
  bool released = false;             // given to the engines
  std::uint64_t first_ready_ns = 0;  // earliest rank of P
  std::uint64_t last_ready_ns = 0;   // latest rank of P
  std::uint64_t done_ns = 0;         // latest rank of D
  std::uint32_t producers_ended = 0;
  std::uint32_t consumers_ended = 0;
  std::uint64_t wrong_bytes = 0;
  TransferStats stats;  // bytes and chunks: sums over D's ranks; durations: the slowest rank's
  std::string failure;  // the first thing that went wrong; empty: nothing
};

struct RouterConfig {
  std::uint32_t producers = 1;  // P's ranks; every request goes to all of them
  std::uint32_t consumers = 1;
  std::uint32_t concurrency = 1;  // requests in flight
};

class Router {
 public:
  Router(const RouterConfig& config, std::vector<Arrival> arrivals);

  // Requests to hand to the engines now, in order. `now`: since the run's start.
  std::vector<std::uint32_t> release(Nanos now);
  // When the next request may be released, if that depends on time alone.
  std::optional<Nanos> next_release() const;

  // The id of a request that must be abandoned everywhere because this report says that it failed.
  std::optional<std::uint32_t> on_report(const Report& report);

  bool finished() const { return ended_ == arrivals_.size(); }
  bool succeeded(std::uint32_t id) const;
  std::uint32_t in_flight() const { return released_ - ended_; }
  std::uint32_t released() const { return released_; }
  std::uint32_t ended() const { return ended_; }
  const Prompt& prompt(std::uint32_t id) const { return arrivals_[id].prompt; }
  const std::vector<Outcome>& outcomes() const { return outcomes_; }

 private:
  bool complete(const Outcome& outcome) const;

  RouterConfig config_;
  std::vector<Arrival> arrivals_;
  std::vector<Outcome> outcomes_;
  std::uint32_t released_ = 0;
  std::uint32_t ended_ = 0;
};

}  // namespace pegaflow::demo
