// SHA-256 (FIPS 180-4), for the digest by which agents compare their topologies.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pegaflow::topology {

std::array<std::uint8_t, 32> sha256(std::string_view bytes);

}  // namespace pegaflow::topology
