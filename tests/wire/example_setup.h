// One example of every set-up message; docs/formats/setup.md shows their texts.
#pragma once

#include <vector>

#include "wire/setup.h"

namespace pegaflow::wire {

// Each in the order of the variant's alternatives, all of them.
std::vector<SessionMessage> example_session_messages();
std::vector<LinkMessage> example_link_messages();

}  // namespace pegaflow::wire
