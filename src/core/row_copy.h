// Strided host copies: the innermost loops of gather and scatter.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pegaflow::core {

// `count` rows of `bytes`, each side with its own distance from row to row.
struct RowCopy {
  std::byte* to = nullptr;
  std::uint64_t to_stride = 0;
  const std::byte* from = nullptr;
  std::uint64_t from_stride = 0;
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

// Plain copies.
void copy_rows(const RowCopy& rows);

// Copies around the caches where rows are whole cache lines, so that lines that will be
// overwritten are not read first (measured: twice the rate for rows of 256 B to 4 KiB). For
// memory that is not read soon. Other threads may see these stores late: call finish_streaming
// before telling them.
void stream_rows(const RowCopy& rows);
void finish_streaming();

// Asks for the first bytes of what is read next: blocks lie at random places, and the processor's
// own prefetching starts anew at each. At most kFetchAheadBytes.
inline constexpr std::uint64_t kFetchAheadBytes = 1024;
void fetch_ahead(const std::byte* from, std::uint64_t bytes);

}  // namespace pegaflow::core
