// One example of every control message; docs/formats/wire.md shows their bytes.
#pragma once

#include <vector>

#include "wire/control.h"

namespace pegaflow::wire {

ControlHeader example_header();
// In the order of ControlType, all of it.
std::vector<ControlMessage> example_control_messages();

}  // namespace pegaflow::wire
