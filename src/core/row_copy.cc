#include "core/row_copy.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <emmintrin.h>
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

void stream_line(std::byte* to, const std::byte* from) {
  const auto* in = reinterpret_cast<const __m128i*>(from);
  auto* out = reinterpret_cast<__m128i*>(to);
  const __m128i a = _mm_loadu_si128(in);
  const __m128i b = _mm_loadu_si128(in + 1);
  const __m128i c = _mm_loadu_si128(in + 2);
  const __m128i d = _mm_loadu_si128(in + 3);
  _mm_stream_si128(out, a);
  _mm_stream_si128(out + 1, b);
  _mm_stream_si128(out + 2, c);
  _mm_stream_si128(out + 3, d);
}

}  // namespace

void stream_rows(const RowCopy& rows) {
  if (!whole_lines(rows)) return copy_rows(rows);
  for (std::uint64_t i = 0; i < rows.count; ++i) {
    std::byte* to = rows.to + i * rows.to_stride;
    const std::byte* from = rows.from + i * rows.from_stride;
    for (std::uint64_t at = 0; at < rows.bytes; at += kLine) stream_line(to + at, from + at);
  }
}

void finish_streaming() { _mm_sfence(); }

#else

void stream_rows(const RowCopy& rows) { copy_rows(rows); }
void finish_streaming() {}

#endif

}  // namespace pegaflow::core
