// mend_one_bit(): puts one flipped bit right. A CRC32C of up to 2^31 bits tells every single flip
// from all double ones, so it is found by trying: slow, and never needed twice for the same bytes.
#pragma once

#include <cstddef>
#include <span>

namespace pegaflow {

// Flips the one bit of `bytes` with which `is_right()` holds. False: there is none; nothing is
// changed then.
template <typename IsRight>
bool mend_one_bit(std::span<std::byte> bytes, IsRight&& is_right) {
  for (std::byte& byte : bytes) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      const std::byte flipped{static_cast<unsigned char>(1U << bit)};
      byte ^= flipped;
      if (is_right()) return true;
      byte ^= flipped;
    }
  }
  return false;
}

}  // namespace pegaflow
