// Text from outside, made fit for a log or a terminal.
#pragma once

#include <string>
#include <string_view>

namespace pegaflow {

// Control characters and bytes that are not UTF-8 become \xNN; all else stays.
std::string printable(std::string_view text);

}  // namespace pegaflow
