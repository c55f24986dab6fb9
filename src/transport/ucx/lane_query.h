// Which lanes UCX gave to an endpoint.
#pragma once

#include <ucp/api/ucp_def.h>

#include "pegaflow/result.h"
#include "transport/transport.h"

namespace pegaflow::transport {

// REQUIRES: the wire-up is done. kInternal when UCX's answer can't be understood or contradicts
// itself.
Result<LaneInfo> query_lanes(ucp_ep_h endpoint);

}  // namespace pegaflow::transport
