// What bounds a session and the server of sessions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace pegaflow::agent {

struct SessionLimits {
  std::uint32_t max_sessions = 256;  // from the topology; handshakes count
  Nanos hello_deadline = std::chrono::seconds(5);
  std::uint32_t ring_entries = 4096;  // of each ring
  std::size_t ring_messages_per_turn = 64;
  std::size_t setup_messages_per_turn = 16;
  Nanos active = Millis(1);         // after a ring message more is expected for so long
  Nanos blocked_retry = Millis(1);  // how soon to look at a full ring again
  // How often the agent's tick counter moves and the clients' are looked at.
  Nanos tick = Millis(100);
  Nanos engine_tick = std::chrono::seconds(3);  // a client's counter may stand still that long
};

}  // namespace pegaflow::agent
