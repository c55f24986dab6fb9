// The topology of two nodes of this machine and one link between them, everything in a private
// directory.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "pegaflow/result.h"

namespace pegaflow::tools {

inline constexpr const char* kProducerNode = "prefill-0";
inline constexpr const char* kConsumerNode = "decode-0";

// The two ways between nodes.
enum class LinkKind : std::uint8_t { kMapped, kUcx };
std::string_view to_string(LinkKind kind);

// The link, and the staging memory at its ends.
struct PairOptions {
  LinkKind kind = LinkKind::kMapped;
  std::string mapped_path = "auto";  // auto, direct, agent
  std::string transport = "tcp";     // of a UCX link's data
  bool integrity = true;
  std::uint64_t slot_bytes = std::uint64_t{1} << 20;
  std::uint32_t slots = 64;  // of each agent
  std::uint32_t window = 0;  // slots in flight at most; 0: a third of them, 12 at most
  bool cuda_slots = false;   // on the nodes' GPUs; else in host memory
  // UUIDs of P's and D's GPU; empty: the node has none.
  std::array<std::string, 2> gpus{};
};

// TCP ports of the loopback address.
struct PairPorts {
  std::uint16_t rendezvous = 0;
  std::uint16_t producer_control = 0, producer_http = 0;
  std::uint16_t consumer_control = 0, consumer_http = 0;
};
// Ports that are free now, outside the range that outgoing connections take theirs from.
// kResourceExhausted: none found.
Result<PairPorts> find_ports();

std::string producer_socket(const std::filesystem::path& dir);
std::string consumer_socket(const std::filesystem::path& dir);

// topology.json's text.
std::string pair_topology(const PairOptions& options, const PairPorts& ports,
                          const std::filesystem::path& dir);

}  // namespace pegaflow::tools
