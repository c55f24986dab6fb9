// pegaflowctl: the command line; each command is a function of its own file.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "probe.h"
#include "status.h"
#include "topology_check.h"

namespace pegaflow::ctl {
namespace {

using std::chrono::milliseconds;

struct Options {
  std::string file;
  std::string topology, rendezvous;
  std::string from, to;
  std::int64_t deadline_ms = 3'000;
  std::int64_t patience_ms = 10'000;
  bool json = false;
};

int exit_status(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kNotFound:
      return kExitUsage;
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
      return kExitUnreachable;
    default:
      return kExitUnhealthy;
  }
}

int print(const Result<Outcome>& outcome) {
  if (!outcome.ok()) {
    std::fprintf(stderr, "pegaflowctl: %s\n", outcome.error().message().c_str());
    return exit_status(outcome.error().code());
  }
  std::fputs(outcome->text.c_str(), stdout);
  return outcome->status;
}

Result<Target> target_of(const Options& options) {
  auto target = find_target(options.topology, options.rendezvous);
  if (target.ok()) target->deadline = milliseconds(options.deadline_ms);
  return target;
}

Result<Outcome> run_status(const Options& options) {
  PEGAFLOW_ASSIGN(const Target target, target_of(options));
  return show_status(target, options.json);
}

Result<Outcome> run_probe(const Options& options) {
  PEGAFLOW_ASSIGN(const Target target, target_of(options));
  return probe_link(target, options.from, options.to, milliseconds(options.patience_ms),
                    options.json);
}

void add_target(CLI::App* command, Options& options) {
  command->add_option("--topology", options.topology,
                      "the deployment's topology.json; shows nodes that never registered, too");
  command->add_option("--rendezvous", options.rendezvous,
                      "http://host:port of the rendezvous service, instead of the topology's");
  command->add_option("--deadline-ms", options.deadline_ms, "for each call")
      ->check(CLI::Range(1, 3'600'000))
      ->capture_default_str();
  command->add_flag("--json", options.json, "print JSON");
}

// Fills `options`; the command chosen becomes `run`.
void describe(CLI::App& app, Options& options, std::function<Result<Outcome>()>& run) {
  app.set_version_flag("--version", std::string("pegaflowctl ") + PEGAFLOW_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 all is well; 1 something is unhealthy or was refused; 2 usage or faulty\n"
      "input; 3 the rendezvous service or an agent could not be reached in time.");

  CLI::App* topology = app.add_subcommand("topology", "topology files");
  topology->require_subcommand(1);
  CLI::App* check = topology->add_subcommand("check", "says what is wrong in a topology file");
  check->add_option("FILE", options.file, "the file")->required();
  check->add_flag("--json", options.json, "print JSON");
  check->callback([&] { run = [&] { return check_topology_file(options.file, options.json); }; });

  CLI::App* status = app.add_subcommand("status", "how the agents are");
  add_target(status, options);
  status->callback([&] { run = [&] { return run_status(options); }; });

  CLI::App* probe = app.add_subcommand("probe", "measures the link from P to D anew");
  probe->add_option("P", options.from, "the sending node")->required();
  probe->add_option("D", options.to, "the receiving node")->required();
  add_target(probe, options);
  probe->add_option("--patience-ms", options.patience_ms, "how long to wait for the figures")
      ->check(CLI::Range(1, 3'600'000))
      ->capture_default_str();
  probe->callback([&] { run = [&] { return run_probe(options); }; });
}

int run(int argc, char** argv) {
  Options options;
  std::function<Result<Outcome>()> command;
  CLI::App app("Looks at a PegaFlow deployment.");
  describe(app, options, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    app.exit(done);
    return kExitOk;
  } catch (const CLI::Error& error) {
    app.exit(error);
    return kExitUsage;
  }
  return print(command());
}

}  // namespace
}  // namespace pegaflow::ctl

int main(int argc, char** argv) { return pegaflow::ctl::run(argc, argv); }
