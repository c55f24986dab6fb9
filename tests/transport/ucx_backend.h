// UCX as a backend of the conformance suite, with the peer in a thread or in a process. A process
// is this program again, told its role on the command line.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "backend.h"

namespace pegaflow::transport::testing {

struct UcxLink {
  std::string tls;
  std::string net_devices = "lo";
  bool peer_is_process = true;
  // In whose memory the two ends' areas lie, by UUID or ordinal; empty: the host's. A peer in a
  // thread has the host's.
  std::string our_gpu{};
  std::string peer_gpu{};
};
std::unique_ptr<Backend> make_ucx_backend(UcxLink link);

// "--peer=FD;GPU;NET_DEVICES;TLS": serve_peer() over socket FD. Returns false when `argument` is
// something else; does not return otherwise than after the peer's end.
bool run_as_peer(std::string_view argument);

}  // namespace pegaflow::transport::testing
