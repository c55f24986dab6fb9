// What the D agent says about its link (GET /v1/status, docs/HTTP_API.md).
#pragma once

#include <string>
#include <string_view>

#include "pegaflow/result.h"

namespace pegaflow::tools {

struct LinkState {
  std::string state;      // "up", …
  std::string path;       // how bytes go: "direct", "agent", "ucx"
  std::string transport;  // of the data: what UCX uses ("tcp"), or "mapped"
  bool up() const { return state == "up"; }
};

// The link from `peer`; kProtocol: not a status, or no such link in it.
Result<LinkState> parse_link_state(std::string_view status_json, std::string_view peer);

}  // namespace pegaflow::tools
