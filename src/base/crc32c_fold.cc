#include "base/crc32c_fold.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pegaflow {

#if defined(__x86_64__)

#define PEGAFLOW_FOLDS __attribute__((target("avx512f,vpclmulqdq,pclmul,sse4.2")))

namespace {

// What moves a 128-bit number `bits` further: the factor of its first 64 bits, and that of its
// second. The product of two reflected numbers, of 64 and 32 bits, is read short of x^33.
struct Distance {
  std::uint32_t first, second;
};
constexpr Distance distance(std::size_t bits) {
  return {crc32c_power_of_x(bits + 64 - 33), crc32c_power_of_x(bits - 33)};
}
constexpr Distance kFar = distance(8 * kCrc32cFoldBytes);
constexpr Distance kOneRegister = distance(512);
constexpr Distance kOneNumber = distance(128);

PEGAFLOW_FOLDS __m128i factors(Distance by) {
  return _mm_set_epi64x(static_cast<long long>(by.second), static_cast<long long>(by.first));
}

PEGAFLOW_FOLDS __m512i four_factors(Distance by) {
  const auto first = static_cast<long long>(by.first);
  const auto second = static_cast<long long>(by.second);
  return _mm512_set4_epi64(second, first, second, first);
}

PEGAFLOW_FOLDS __m512i load(const std::byte* from) { return _mm512_loadu_si512(from); }

// Four numbers moved, and what lies there added.
PEGAFLOW_FOLDS __m512i fold(__m512i numbers, __m512i by, __m512i onto) {
  constexpr int kXorOfThree = 0x96;
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(numbers, by, 0x00),
                                   _mm512_clmulepi64_epi128(numbers, by, 0x11), onto, kXorOfThree);
}

PEGAFLOW_FOLDS __m128i fold(__m128i number, __m128i by, __m128i onto) {
  return _mm_xor_si128(onto, _mm_xor_si128(_mm_clmulepi64_si128(number, by, 0x00),
                                           _mm_clmulepi64_si128(number, by, 0x11)));
}

PEGAFLOW_FOLDS std::uint64_t sum_of(__m128i number) {
  const auto first = static_cast<std::uint64_t>(_mm_cvtsi128_si64(number));
  const auto second = static_cast<std::uint64_t>(_mm_extract_epi64(number, 1));
  return _mm_crc32_u64(_mm_crc32_u64(0, first), second);
}

}  // namespace

bool crc32c_can_fold() {
  static const bool kCan = __builtin_cpu_supports("avx512f") != 0 &&
                           __builtin_cpu_supports("vpclmulqdq") != 0 &&
                           __builtin_cpu_supports("pclmul") != 0;
  return kCan;
}

// Four registers of four 128-bit numbers each walk over the bytes side by side; at the end they are
// moved onto one another.
PEGAFLOW_FOLDS std::uint64_t crc32c_fold(std::span<const std::byte> bytes, std::uint64_t state) {
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  __m512i a = _mm512_xor_si512(
      load(at), _mm512_zextsi128_si512(_mm_cvtsi64_si128(static_cast<long long>(state))));
  __m512i b = load(at + 64);
  __m512i c = load(at + 128);
  __m512i d = load(at + 192);
  const __m512i far = four_factors(kFar);
  for (at += kCrc32cFoldBytes; at != end; at += kCrc32cFoldBytes) {
    a = fold(a, far, load(at));
    b = fold(b, far, load(at + 64));
    c = fold(c, far, load(at + 128));
    d = fold(d, far, load(at + 192));
  }
  const __m512i near = four_factors(kOneRegister);
  const __m512i all = fold(fold(fold(a, near, b), near, c), near, d);
  alignas(64) __m128i lanes[4];
  _mm512_store_si512(lanes, all);
  const __m128i next = factors(kOneNumber);
  return sum_of(fold(fold(fold(lanes[0], next, lanes[1]), next, lanes[2]), next, lanes[3]));
}

#undef PEGAFLOW_FOLDS

#else

bool crc32c_can_fold() { return false; }
std::uint64_t crc32c_fold(std::span<const std::byte> /*bytes*/, std::uint64_t state) {
  return state;
}

#endif

}  // namespace pegaflow
