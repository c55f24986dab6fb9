#include "options.h"

#include <CLI/CLI.hpp>

#include "exit_status.h"

namespace pegaflow::tools {

std::variant<AgentOptions, int> parse_agent_options(int argc, char** argv) {
  AgentOptions options;
  std::int64_t takeover_seconds = 10;
  std::int64_t drain_seconds = options.drain_timeout.count();

  CLI::App app("The PegaFlow agent of one node: stages KV cache and moves it to other nodes.");
  app.footer(
      "SIGTERM or SIGINT drains (no new transfers; those alive end); a second one ends at once.\n"
      "Exit status: 0 ended as told; 1 could not start; 2 usage; 3 the drain timed out and live\n"
      "transfers were failed; 4 too much staging memory was lost: start it again.");
  app.set_version_flag("--version", std::string("pegaflow-agent ") + PEGAFLOW_VERSION);
  app.set_config("--config", "", "read options from this TOML or INI file; the command line wins");
  app.add_option("--topology", options.agent.topology_path, "the deployment's topology.json")
      ->required();
  app.add_option("--name", options.agent.node, "this node's name in the topology")->required();
  app.add_option("--log-level", options.agent.log_level, "how much goes to stderr")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  app.add_option("--drain-timeout", drain_seconds,
                 "seconds that live transfers may take to end after SIGTERM")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option("--takeover-timeout", takeover_seconds,
                 "seconds to wait for the end of an agent that serves this node already")
      ->check(CLI::Range(0, 3'600))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    app.exit(done);
    return kExitOk;
  } catch (const CLI::Error& error) {
    app.exit(error);
    return kExitUsage;
  }
  options.drain_timeout = std::chrono::seconds(drain_seconds);
  options.agent.takeover_timeout = std::chrono::seconds(takeover_seconds);
  return options;
}

}  // namespace pegaflow::tools
