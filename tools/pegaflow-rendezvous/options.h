// The command line of pegaflow-rendezvous.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include "pegaflow/result.h"
#include "topology/topology.h"

namespace pegaflow::tools {

inline constexpr int kExitOk = 0;     // stopped as told
inline constexpr int kExitStart = 1;  // could not start: the message says why
inline constexpr int kExitUsage = 2;  // command line or topology

struct RendezvousOptions {
  std::string topology_path;
  std::string listen;  // "ip:port"; empty: from the topology
  std::string log_level = "info";
  std::chrono::milliseconds lease{15'000};
};

// What to do, or the status to exit with at once (after --help, --version or a usage error, which
// have been printed).
std::variant<RendezvousOptions, int> parse_rendezvous_options(int argc, char** argv);

struct ListenAddress {
  std::string ip;
  std::uint16_t port = 0;
};

// `listen` if given, else the topology's rendezvous URL; when that has a name, not an address, all
// addresses of this machine. kInvalidArgument: `listen` isn't "ip:port".
Result<ListenAddress> listen_address(const std::string& listen, const topology::HttpUrl& url);

}  // namespace pegaflow::tools
