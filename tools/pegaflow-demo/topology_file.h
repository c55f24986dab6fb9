// The topology of one demo run: two nodes of this machine, one link, everything in a private
// directory.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "pegaflow-demo/options.h"
#include "pegaflow/result.h"

namespace pegaflow::demo {

inline constexpr const char* kProducerNode = "prefill-0";
inline constexpr const char* kConsumerNode = "decode-0";

// TCP ports of the loopback address.
struct DemoPorts {
  std::uint16_t rendezvous = 0;
  std::uint16_t producer_control = 0, producer_http = 0;
  std::uint16_t consumer_control = 0, consumer_http = 0;
};
// Ports that are free now, outside the range that outgoing connections take theirs from.
// kResourceExhausted: none found.
Result<DemoPorts> find_ports();

std::string producer_socket(const std::filesystem::path& dir);
std::string consumer_socket(const std::filesystem::path& dir);

// topology.json's text.
std::string demo_topology(const DemoOptions& options, LinkKind kind, const DemoPorts& ports,
                          const std::filesystem::path& dir);

}  // namespace pegaflow::demo
