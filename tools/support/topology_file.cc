#include "support/topology_file.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "base/json_view.h"
#include "base/unique_fd.h"

namespace pegaflow::tools {
namespace {

using nlohmann::json;

constexpr const char* kCudaIpc = "cuda_ipc";

std::string loopback(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

bool is_free(std::uint16_t port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return socket.valid() &&
         ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

json ucx_settings(const PairOptions& options) {
  // UCX needs tcp beside another transport: for wire-up and for noticing a peer's end.
  if (options.kind == LinkKind::kUcx && options.transport == kCudaIpc) {
    return {{"tls", "tcp,cuda_copy,cuda_ipc"}};
  }
  if (options.kind == LinkKind::kUcx && options.transport != "tcp") {
    return {{"tls", "tcp," + options.transport}};
  }
  return {{"tls", "tcp"}, {"net_devices", "lo"}};
}

struct NodePlan {
  const char* name;
  const char* role;
  std::uint16_t control, http;
  std::string socket;
  std::string gpu;  // UUID; empty: none
};

json node(const NodePlan& plan, const PairOptions& options) {
  json region = {{"name", "staging"},
                 {"memory", options.cuda_slots ? "cuda" : "host"},
                 {"slot_bytes", options.slot_bytes},
                 {"slot_count", options.slots}};
  if (options.cuda_slots) region["gpu"] = 0;
  json node = {{"name", plan.name},
               {"host", "localhost"},
               {"role", plan.role},
               {"control", loopback(plan.control)},
               {"http", loopback(plan.http)},
               {"socket", plan.socket},
               {"regions", json::array({region})},
               {"ucx", ucx_settings(options)}};
  if (!plan.gpu.empty()) node["gpus"] = json::array({{{"index", 0}, {"uuid", plan.gpu}}});
  return node;
}

json link(const PairOptions& options) {
  constexpr std::uint32_t kWindow = 12;
  json link = {
      {"from", kProducerNode},
      {"to", kConsumerNode},
      {"window", options.window != 0 ? options.window : std::clamp(options.slots / 3, 1u, kWindow)},
      {"chunk_bytes", options.slot_bytes},
      {"integrity", options.integrity},
      {"path", options.kind == LinkKind::kUcx ? "ucx" : options.mapped_path}};
  if (options.kind != LinkKind::kUcx) return link;
  link["transports"] = json::array({options.transport});
  // UCX has a lane for host memory beside it; slots of GPU memory never take that.
  if (options.transport == kCudaIpc) link["transports"].push_back("tcp");
  return link;
}

}  // namespace

std::string_view to_string(LinkKind kind) { return kind == LinkKind::kMapped ? "mapped" : "ucx"; }

Result<PairPorts> find_ports() {
  constexpr std::uint16_t kFirst = 20'000;
  constexpr std::uint16_t kLast = 32'000;  // Linux gives outgoing connections 32768 and up
  constexpr int kTries = 1'000;
  std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> pick(kFirst, kLast);
  std::vector<std::uint16_t> found;
  for (int i = 0; i < kTries && found.size() < 5; ++i) {
    const auto port = static_cast<std::uint16_t>(pick(random));
    if (std::ranges::find(found, port) == found.end() && is_free(port)) found.push_back(port);
  }
  if (found.size() < 5) return Error(Code::kResourceExhausted, "no five free TCP ports found");
  return PairPorts{found[0], found[1], found[2], found[3], found[4]};
}

std::string producer_socket(const std::filesystem::path& dir) { return dir / "p.sock"; }
std::string consumer_socket(const std::filesystem::path& dir) { return dir / "d.sock"; }

std::string pair_topology(const PairOptions& options, const PairPorts& ports,
                          const std::filesystem::path& dir) {
  const NodePlan producer{kProducerNode,          "prefill",
                          ports.producer_control, ports.producer_http,
                          producer_socket(dir),   options.gpus[0]};
  const NodePlan consumer{kConsumerNode,          "decode",
                          ports.consumer_control, ports.consumer_http,
                          consumer_socket(dir),   options.gpus[1]};
  return json_text({{"cluster", "two-nodes"},
                    {"rendezvous", "http://" + loopback(ports.rendezvous)},
                    {"nodes", json::array({node(producer, options), node(consumer, options)})},
                    {"links", json::array({link(options)})}});
}

}  // namespace pegaflow::tools
