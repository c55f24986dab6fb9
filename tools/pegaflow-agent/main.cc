// pegaflow-agent: the node's daemon: options, signals, service manager; the rest is
// pegaflow::Agent.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "base/sd_notify.h"
#include "exit_status.h"
#include "options.h"
#include "pegaflow/agent.h"
#include "signals.h"

namespace pegaflow::tools {
namespace {

using std::chrono::milliseconds;

// Between two looks at the agent and at signals; the watchdog may want it shorter.
milliseconds tick() {
  constexpr milliseconds kTick{200};
  const auto watchdog = sd_watchdog_period();
  if (!watchdog) return kTick;
  return std::max(milliseconds(1),
                  std::min(kTick, std::chrono::duration_cast<milliseconds>(*watchdog / 4)));
}

void feed_watchdog(Agent& agent) {
  if (sd_watchdog_period() && agent.responsive(milliseconds(1000))) sd_notify("WATCHDOG=1");
}

int exit_status(AgentEnd end) {
  switch (end) {
    case AgentEnd::kStopped:
    case AgentEnd::kDrained:
      return kExitOk;
    case AgentEnd::kCutShort:
      return kExitCutShort;
    case AgentEnd::kWornOut:
      return kExitWornOut;
  }
  return kExitStart;
}

int serve(Agent& agent, milliseconds drain_timeout) {
  const milliseconds period = tick();
  bool draining = false;
  while (!agent.wait(milliseconds(0))) {
    feed_watchdog(agent);
    if (!wait_for_end_signal(period)) continue;
    sd_notify("STOPPING=1\nSTATUS=draining");
    if (draining) {
      agent.stop();
    } else {
      agent.drain(drain_timeout);
      draining = true;
    }
  }
  return exit_status(agent.end());
}

int run(int argc, char** argv) {
  auto parsed = parse_agent_options(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const AgentOptions& options = std::get<AgentOptions>(parsed);
  block_end_signals();
  Result<std::unique_ptr<Agent>> agent = Agent::start(options.agent);
  if (!agent.ok()) {
    std::fprintf(stderr, "pegaflow-agent: %s\n", agent.error().message().c_str());
    return kExitStart;
  }
  sd_notify("READY=1\nSTATUS=running");
  return serve(**agent, options.drain_timeout);
}

}  // namespace
}  // namespace pegaflow::tools

int main(int argc, char** argv) { return pegaflow::tools::run(argc, argv); }
