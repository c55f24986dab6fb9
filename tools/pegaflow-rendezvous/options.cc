#include "options.h"

#include <arpa/inet.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>

namespace pegaflow::tools {
namespace {

bool is_numeric(const std::string& host) {
  std::array<unsigned char, 16> unused{};
  return inet_pton(AF_INET, host.c_str(), unused.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), unused.data()) == 1;
}

}  // namespace

std::variant<RendezvousOptions, int> parse_rendezvous_options(int argc, char** argv) {
  RendezvousOptions options;
  std::int64_t lease_ms = options.lease.count();
  CLI::App app("The PegaFlow rendezvous service: lets the agents of a deployment find each other.");
  app.footer(
      "SIGTERM or SIGINT stops it. Its state is soft: agents register again with the next one.\n"
      "Exit status: 0 stopped as told; 1 could not start; 2 usage or faulty topology.");
  app.set_version_flag("--version", std::string("pegaflow-rendezvous ") + PEGAFLOW_VERSION);
  app.add_option("--topology", options.topology_path, "the deployment's topology.json")->required();
  app.add_option("--listen", options.listen,
                 "ip:port; without it the topology's rendezvous URL says where (all addresses, "
                 "when that has a host name)");
  app.add_option("--log-level", options.log_level, "how much goes to stderr")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  app.add_option("--lease-ms", lease_ms,
                 "how long an agent that falls silent stays listed; it renews three times in that")
      ->check(CLI::Range(100, 86'400'000))
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
  options.lease = std::chrono::milliseconds(lease_ms);
  return options;
}

Result<ListenAddress> listen_address(const std::string& listen, const topology::HttpUrl& url) {
  if (listen.empty()) {
    return ListenAddress{is_numeric(url.host) ? url.host : std::string("0.0.0.0"), url.port};
  }
  const auto colon = listen.rfind(':');
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::uint16_t port = 0;
  const auto digits =
      std::string_view(listen).substr(colon == std::string::npos ? listen.size() : colon + 1);
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool whole = failed == std::errc() && end == digits.data() + digits.size();
  if (!whole || !is_numeric(host)) {
    return Error(Code::kInvalidArgument,
                 "--listen: expected \"ip:port\" or \"[ip]:port\", got \"" + listen + '"');
  }
  return ListenAddress{host, port};
}

}  // namespace pegaflow::tools
