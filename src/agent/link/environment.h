// LinkEnvironment: what all links of an agent share.
#pragma once

#include <span>

#include "agent/copier.h"
#include "agent/link/handshake.h"
#include "agent/link/heartbeat.h"
#include "agent/link/lingering.h"
#include "agent/link/registered_regions.h"
#include "agent/log.h"
#include "agent/loop.h"
#include "agent/ports.h"
#include "agent/session/session_server.h"
#include "agent/writer_table.h"
#include "memory/region.h"
#include "transport/transport.h"

namespace pegaflow::agent {

struct LinkLimits {
  HeartbeatLimits heartbeat;
  Nanos handshake = std::chrono::seconds(5);       // from dialling or LINK until the link is up
  Nanos first_retry = Millis(100);                 // doubles with each failure …
  Nanos last_retry = std::chrono::seconds(5);      // … up to this
  Nanos refused_retry = std::chrono::seconds(30);  // where somebody has to change something
  Nanos pool_wait = std::chrono::seconds(1);       // a GRANT waits that long for the pools it names
  Nanos active = Millis(2);                        // after a message more is expected for so long
  std::size_t frames_per_turn = 64;
  std::size_t max_inbound = 512;  // control messages that wait for the upper half
};

// Outlives the links.
struct LinkEnvironment {
  Loop& loop;
  const Log& log;
  WriterTable& writers;
  PoolTable& pools;
  SessionServer& sessions;
  transport::Context& context;
  const RegisteredRegions& registered;
  std::span<memory::Region* const> regions;
  memory::Device& device;  // what peers' slots are mapped for
  MemoryCopier& copier;
  LingeringSockets& lingering;
  LinkEvents& events;
  LinkIdentity identity;
  LinkLimits limits;
};

}  // namespace pegaflow::agent
