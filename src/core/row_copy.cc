#include "core/row_copy.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pegaflow::core {
namespace {

constexpr std::uint64_t kLine = 64;

}  // namespace

void copy_rows(const RowCopy& rows) {
  for (std::uint64_t i = 0; i < rows.count; ++i) {
    std::memcpy(rows.to + i * rows.to_stride, rows.from + i * rows.from_stride, rows.bytes);
  }
}

void fetch_ahead(const std::byte* from, std::uint64_t bytes) {
  const std::uint64_t end = std::min(bytes, kFetchAheadBytes);
  for (std::uint64_t at = 0; at < end; at += kLine) __builtin_prefetch(from + at);
}

#if defined(__x86_64__)

namespace {

bool whole_lines(const RowCopy& rows) {
  return (reinterpret_cast<std::uintptr_t>(rows.to) | rows.to_stride | rows.bytes) % kLine == 0;
}

void stream_lines(std::byte* to, const std::byte* from, std::uint64_t bytes) {
  for (std::uint64_t at = 0; at < bytes; at += kLine) {
    const auto* in = reinterpret_cast<const __m128i*>(from + at);
    auto* out = reinterpret_cast<__m128i*>(to + at);
    const __m128i a = _mm_loadu_si128(in);
    const __m128i b = _mm_loadu_si128(in + 1);
    const __m128i c = _mm_loadu_si128(in + 2);
    const __m128i d = _mm_loadu_si128(in + 3);
    _mm_stream_si128(out, a);
    _mm_stream_si128(out + 1, b);
    _mm_stream_si128(out + 2, c);
    _mm_stream_si128(out + 3, d);
  }
}

// A store of a whole line needs no buffer to be completed in: measured, 1.1 (16 KiB) to 1.6 times
// (512 B) the rate of the above.
__attribute__((target("avx512f"))) void stream_lines_at_once(std::byte* to, const std::byte* from,
                                                             std::uint64_t bytes) {
  for (std::uint64_t at = 0; at < bytes; at += kLine) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to + at), _mm512_loadu_si512(from + at));
  }
}

}  // namespace

void stream_rows(const RowCopy& rows) {
  if (!whole_lines(rows)) return copy_rows(rows);
  static const bool kAtOnce = __builtin_cpu_supports("avx512f") != 0;
  const auto stream = kAtOnce ? stream_lines_at_once : stream_lines;
  for (std::uint64_t i = 0; i < rows.count; ++i) {
    stream(rows.to + i * rows.to_stride, rows.from + i * rows.from_stride, rows.bytes);
  }
}

void finish_streaming() { _mm_sfence(); }

#else

void stream_rows(const RowCopy& rows) { copy_rows(rows); }
void finish_streaming() {}

#endif

}  // namespace pegaflow::core
