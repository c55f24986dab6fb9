// pegaflow-rendezvous: options, signals, service manager; the rest is rendezvous::Server.
#include <csignal>
#include <cstdio>
#include <string>

#include "base/clock.h"
#include "base/sd_notify.h"
#include "metrics/registry.h"
#include "options.h"
#include "rendezvous/server.h"
#include "service_log.h"
#include "topology/parse.h"

namespace pegaflow::tools {
namespace {

// Before the first thread starts, so that all inherit it.
sigset_t block_end_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

int fail(const Error& error, int status) {
  std::fprintf(stderr, "pegaflow-rendezvous: %s\n", error.message().c_str());
  return status;
}

void log_configuration(ServiceLog& log, const RendezvousOptions& options,
                       const topology::Topology& topology) {
  log.info(std::string("pegaflow-rendezvous ") + PEGAFLOW_VERSION + ": cluster " +
           topology.cluster + ", " + std::to_string(topology.nodes.size()) + " nodes, " +
           std::to_string(topology.links.size()) + " links; topology " + options.topology_path +
           ", hash " + topology.hash + "; lease " + std::to_string(options.lease.count()) + " ms");
  for (const auto& warning : topology.warnings) log.warning(options.topology_path + ": " + warning);
}

int serve(const RendezvousOptions& options, const topology::Topology& topology, std::string json,
          const ListenAddress& listen) {
  const sigset_t end_signals = block_end_signals();
  ServiceLog log(options.log_level);
  log_configuration(log, options, topology);
  metrics::RendezvousMetrics metrics({"pegaflow-rendezvous", PEGAFLOW_VERSION, ""});
  LoggedStoreEvents events(log, metrics);
  const SteadyClock clock;
  rendezvous::MemoryStore store(clock, options.lease, &events);
  rendezvous::Server server({listen.ip, listen.port, PEGAFLOW_VERSION}, topology, std::move(json),
                            store, metrics);
  const Status started = server.start();
  if (!started.ok()) return fail(started.error(), kExitStart);
  log.info("listening on " + topology::HttpUrl{listen.ip, server.port()}.text() + ", store " +
           store.id());
  sd_notify("READY=1\nSTATUS=running");
  int signal = 0;
  ::sigwait(&end_signals, &signal);
  log.info(signal == SIGTERM ? "SIGTERM: stopping" : "SIGINT: stopping");
  sd_notify("STOPPING=1");
  server.stop();
  return kExitOk;
}

int run(int argc, char** argv) {
  auto parsed = parse_rendezvous_options(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const auto& options = std::get<RendezvousOptions>(parsed);
  auto json = topology::read_topology_file(options.topology_path);
  if (!json.ok()) return fail(json.error(), kExitUsage);
  const auto topology = topology::parse_topology(*json);
  if (!topology.ok()) return fail(topology.error().within(options.topology_path), kExitUsage);
  const auto listen = listen_address(options.listen, topology->rendezvous);
  if (!listen.ok()) return fail(listen.error(), kExitUsage);
  return serve(options, *topology, std::move(*json), *listen);
}

}  // namespace
}  // namespace pegaflow::tools

int main(int argc, char** argv) { return pegaflow::tools::run(argc, argv); }
