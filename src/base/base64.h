// Base64 (RFC 4648, with padding) for opaque bytes in JSON.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pegaflow/result.h"

namespace pegaflow {

constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

std::string to_base64(std::span<const std::byte> bytes);
// kProtocol: not the one canonical encoding of some bytes.
Result<std::vector<std::byte>> from_base64(std::string_view text);

}  // namespace pegaflow
