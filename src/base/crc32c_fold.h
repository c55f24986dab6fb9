// CRC32C of long pieces with 512-bit carry-less products: several times as fast as the processor's
// CRC instruction, which does 8 bytes a cycle at best.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pegaflow {

// x^n modulo the polynomial, in the reflected order in which the CRC instruction keeps its state.
constexpr std::uint32_t crc32c_power_of_x(std::size_t n) {
  constexpr std::uint32_t kPolynomial = 0x82F63B78U;  // reflected Castagnoli
  std::uint32_t power = 0x80000000U;                  // x^0
  for (std::size_t i = 0; i < n; ++i) {
    power = (power >> 1) ^ ((power & 1U) != 0 ? kPolynomial : 0U);
  }
  return power;
}

// A multiple of this many bytes, at least twice as many, is what crc32c_fold takes.
inline constexpr std::size_t kCrc32cFoldBytes = 256;

// Whether this processor can.
bool crc32c_can_fold();

// Advances the CRC instruction's state over `bytes`. REQUIRES crc32c_can_fold() and a size as noted
// above.
std::uint64_t crc32c_fold(std::span<const std::byte> bytes, std::uint64_t state);

}  // namespace pegaflow
