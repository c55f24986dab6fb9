// Packet: one message of a socket with the files that travelled beside it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace pegaflow {

struct Packet {
  std::string text;           // never empty
  std::vector<UniqueFd> fds;  // close-on-exec
};

inline constexpr std::size_t kMaxPacketFds = 32;

}  // namespace pegaflow
