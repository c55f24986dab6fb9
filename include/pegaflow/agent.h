// Agent: the node's daemon as an object, for the program pegaflow-agent and for whoever embeds it.
// Owns the node's staging memory, its sessions with engines and its links to other agents.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "pegaflow/result.h"

namespace pegaflow {

struct AgentConfig {
  std::string topology_path;       // topology.json
  std::string node;                // which of its nodes this is
  std::string log_level = "info";  // debug, info, warning, error, off; to stderr
  // How long to wait for the end of a process that serves this node's socket already.
  std::chrono::milliseconds takeover_timeout{10'000};
};

// Why an agent is no longer running.
enum class AgentEnd : std::uint8_t {
  kStopped,   // stop()
  kDrained,   // drain() came to its end: every transfer had ended
  kCutShort,  // drain() came to its deadline
  kWornOut,   // too much staging memory was lost to writers that never proved their end
};

// Thread safe, but for destruction.
class Agent {
 public:
  // Returns when the agent accepts sessions; links come up in the background. Errors name what to
  // change: kInvalidArgument (configuration), kNotFound (file, node), kAlreadyExists (another agent
  // of this node lives), kResourceExhausted (memory), kSystem, kUnsupported.
  static Result<std::unique_ptr<Agent>> start(const AgentConfig& config);
  ~Agent();  // stop()
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // No new transfers; peers are told. The agent ends when those alive have ended, at the latest
  // after `deadline`.
  void drain(std::chrono::milliseconds deadline);
  // Ends now: live transfers fail at both ends. Returns when everything is released.
  void stop();
  // True: the agent has ended, by itself or by stop().
  bool wait(std::chrono::milliseconds timeout);
  AgentEnd end() const;  // REQUIRES: wait() said true

  // The agent's loop answers within `timeout`: what a watchdog wants to know.
  bool responsive(std::chrono::milliseconds timeout);
  // Has slots for at least one window and is not draining: what /readyz says.
  bool ready(std::chrono::milliseconds timeout);

 private:
  class Impl;
  explicit Agent(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pegaflow
