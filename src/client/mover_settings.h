// How a process's GPU copies run, from its environment: for operators and measurements, the same
// for every session of the process (docs/CLIENT.md).
#pragma once

#include "memory/device.h"
#include "pegaflow/result.h"

namespace pegaflow::client {

// kInvalidArgument: a variable is set to no number in its range; the message names both.
Result<memory::MoverConfig> mover_settings();

}  // namespace pegaflow::client
