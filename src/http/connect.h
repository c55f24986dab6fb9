// Connecting within a deadline. Internal to this folder.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "http/stream.h"
#include "pegaflow/result.h"

namespace pegaflow::http {

// A connected, non-blocking socket; tries every address that the host's name has. Looking the
// name up isn't bounded by the deadline (the resolver has its own).
Result<UniqueFd> connect_to(const std::string& host, std::uint16_t port, int cancel,
                            Deadline deadline);

// The error that says why a stream ended. REQUIRES: end != kNone.
Error stream_error(StreamEnd end);

}  // namespace pegaflow::http
