// The lanes of an endpoint, read from the text that UCX prints about it. ucp_ep_query() names the
// transports but not what each is for, so it can't tell a put lane from a message lane.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pegaflow/result.h"
#include "transport/transport.h"

namespace pegaflow::transport {

struct Lane {
  std::string transport;  // "tcp", "rc_verbs"
  std::string device;     // "eth0", "mlx5_0:1"
  bool puts = false;      // one-sided writes to memory that UCX didn't allocate may go over it
  bool messages = false;  // tagged messages go over it
};

// `text`: what ucp_ep_print_info() printed, in the forms of UCX 1.13 to 1.22. kInternal when no
// lane is found in it, or one that is written in an unknown way.
Result<std::vector<Lane>> parse_lanes(std::string_view text);

LaneInfo summarise(const std::vector<Lane>& lanes);

}  // namespace pegaflow::transport
