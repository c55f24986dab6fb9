// Connecting to an agent: the set-up socket, HELLO and WELCOME, and the ring that comes with it.
#pragma once

#include <cstdint>

#include "base/event_fd.h"
#include "base/seqpacket.h"
#include "memory/ring.h"
#include "pegaflow/result.h"
#include "pegaflow/session.h"
#include "wire/setup.h"

namespace pegaflow::client {

struct Connection {
  SeqpacketSocket socket;
  wire::Welcome welcome;
  memory::RingMemory ring;
  EventFd wakeup;        // what the agent wakes this client with; only the agent can signal it
  EventFd agent_wakeup;  // what the agent sleeps on
  EventFd own_wakeup;    // what this process's other threads wake the mover with
};

// kInvalidArgument names the field of the config that cannot work.
Status check_config(const SessionConfig& config);

// Blocks for at most config.connect_timeout. kUnavailable: no agent there, or it hung up;
// kDeadlineExceeded: it did not answer; the code of its NO; kProtocol: not an answer that an agent
// gives. REQUIRES check_config.
Result<Connection> connect_to_agent(const SessionConfig& config, std::uint64_t incarnation);

}  // namespace pegaflow::client
