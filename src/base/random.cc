#include "base/random.h"

#include <sys/random.h>

#include "base/check.h"

namespace pegaflow {

void fill_random(std::span<std::byte> out) {
  while (!out.empty()) {
    const auto got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0) continue;  // EINTR is the one error possible here
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

std::uint64_t random_u64() {
  std::uint64_t value = 0;
  while (value == 0) fill_random(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

}  // namespace pegaflow
