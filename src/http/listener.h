// The listening socket of a server. Internal to this folder.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow::http {

struct Listener {
  UniqueFd socket;
  std::uint16_t port = 0;
};

// kInvalidArgument: not a numeric address; kAlreadyExists: the port is taken; kSystem.
Result<Listener> listen_on(const std::string& address, std::uint16_t port);

}  // namespace pegaflow::http
