// CRC32C (Castagnoli), hardware instruction where the CPU has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pegaflow {

// CRC of `bytes`, continuing from `seed` (0 for a fresh one): crc32c(b, crc32c(a)) == crc32c(a‖b).
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed = 0);

// The table-driven version, for machines without the instruction and for tests of the other.
std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t seed = 0);

}  // namespace pegaflow
