// Hexadecimal text for identities and digests.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pegaflow/result.h"

namespace pegaflow {

std::string to_hex(std::span<const std::uint8_t> bytes);
// 16 digits, the most significant first.
std::string to_hex(std::uint64_t number);
// Fills `out` from exactly 2·out.size() hex digits (either case).
Status from_hex(std::string_view text, std::span<std::uint8_t> out);

}  // namespace pegaflow
