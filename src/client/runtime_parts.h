// What a session is made of besides its connection: where it copies, by what, and how it waits.
#pragma once

#include <memory>

#include "base/clock.h"
#include "client/idle_wait.h"
#include "memory/device.h"
#include "memory/mover.h"
#include "memory/streams.h"
#include "pegaflow/result.h"
#include "pegaflow/session.h"

namespace pegaflow::client {

// Members are destroyed in reverse: what the device made comes after it.
struct RuntimeParts {
  const Clock& clock;  // outlives the session
  WaitPolicy policy;
  std::unique_ptr<memory::Device> device;
  std::unique_ptr<memory::Streams> streams;  // null: pools of host memory, without streams
  std::unique_ptr<memory::Mover> mover;
};

// For pools on config.gpu, or on the host. kNotFound, kUnsupported: no such GPU for this process.
Result<RuntimeParts> make_parts(const SessionConfig& config, const Clock& clock);

}  // namespace pegaflow::client
