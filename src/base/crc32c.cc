#include "base/crc32c.h"

#include <array>
#include <cstring>

#include "base/crc32c_fold.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#endif

namespace pegaflow {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78U;  // reflected Castagnoli

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? kPolynomial : 0U);
    table[i] = crc;
  }
  return table;
}

constexpr auto kTable = make_table();

#if defined(__x86_64__)

// Moves a sum past zeros, that is, multiplies it by `factor`, a power of x. The product of two
// reflected numbers is short of one x, and the instruction multiplies by x^32.
__attribute__((target("sse4.2,pclmul"))) std::uint64_t move_past(std::uint64_t sum,
                                                                 std::uint32_t factor) {
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(sum)),
                                               _mm_cvtsi32_si128(static_cast<int>(factor)), 0);
  return _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(product)));
}

// One crc32 instruction takes 3 cycles, but one can start in every cycle: so three lanes of kLane
// bytes each are summed side by side and joined with carry-less products.
template <std::size_t kLane>
__attribute__((target("sse4.2,pclmul"))) std::uint64_t sum_three_lanes(const std::byte* at,
                                                                       std::uint64_t crc) {
  std::uint64_t second = 0;
  std::uint64_t third = 0;
  for (std::size_t i = 0; i < kLane; i += 8) {
    std::uint64_t words[3];
    std::memcpy(&words[0], at + i, 8);
    std::memcpy(&words[1], at + kLane + i, 8);
    std::memcpy(&words[2], at + 2 * kLane + i, 8);
    crc = _mm_crc32_u64(crc, words[0]);
    second = _mm_crc32_u64(second, words[1]);
    third = _mm_crc32_u64(third, words[2]);
  }
  constexpr std::uint32_t kOneLane = crc32c_power_of_x(8 * kLane - 33);
  constexpr std::uint32_t kTwoLanes = crc32c_power_of_x(16 * kLane - 33);
  return move_past(crc, kTwoLanes) ^ move_past(second, kOneLane) ^ third;
}

template <std::size_t kLane>
std::uint64_t sum_while_long(const std::byte*& at, std::size_t& left, std::uint64_t crc) {
  for (; left >= 3 * kLane; at += 3 * kLane, left -= 3 * kLane) {
    crc = sum_three_lanes<kLane>(at, crc);
  }
  return crc;
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::span<const std::byte> bytes,
                                                             std::uint32_t seed) {
  std::uint64_t crc = ~seed;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  if (left >= 2 * kCrc32cFoldBytes && crc32c_can_fold()) {
    const std::size_t folded = left - left % kCrc32cFoldBytes;
    crc = crc32c_fold({at, folded}, crc);
    at += folded;
    left -= folded;
  }
  crc = sum_while_long<1024>(at, left, crc);
  crc = sum_while_long<128>(at, left, crc);
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto tail = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) tail = _mm_crc32_u8(tail, static_cast<std::uint8_t>(*at));
  return ~tail;
}

#endif

}  // namespace

std::uint32_t crc32c_portable(std::span<const std::byte> bytes, std::uint32_t seed) {
  std::uint32_t crc = ~seed;
  for (const std::byte byte : bytes) {
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<std::uint32_t>(byte)) & 0xFFU];
  }
  return ~crc;
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed) {
#if defined(__x86_64__)
  static const bool kHasInstruction = __builtin_cpu_supports("sse4.2") != 0;
  if (kHasInstruction) return crc32c_sse42(bytes, seed);
#endif
  return crc32c_portable(bytes, seed);
}

}  // namespace pegaflow
