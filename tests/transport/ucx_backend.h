// UCX as a backend of the conformance suite: over tcp or shared memory, with the peer in a thread
// or in a process. A process is this program again, told its role on the command line.
#pragma once

#include <string_view>

namespace pegaflow::transport::testing {

// "--peer=FD,TLS": serve_peer() over socket FD with transports TLS. Returns false when `argument`
// is something else; does not return otherwise than after the peer's end.
bool run_as_peer(std::string_view argument);

}  // namespace pegaflow::transport::testing
