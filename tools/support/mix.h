// mix: well spread 64-bit words out of small numbers; for KV patterns and prefix identities.
#pragma once

#include <cstdint>
#include <string_view>

namespace pegaflow::tools {

// A word that depends on every bit of both. Not cryptographic. (Rotations, odd multipliers and
// shifted xors: each step is a bijection of `value`.)
constexpr std::uint64_t mix(std::uint64_t seed, std::uint64_t value) {
  std::uint64_t word = (seed ^ (seed >> 29)) * 0xD6E8FEB86659FD93ULL + value;
  word = (word ^ (word >> 32)) * 0xD6E8FEB86659FD93ULL;
  word = (word ^ (word >> 32)) * 0xD6E8FEB86659FD93ULL;
  return word ^ (word >> 32);
}

constexpr std::uint64_t mix_text(std::uint64_t seed, std::string_view text) {
  for (const char c : text) seed = mix(seed, static_cast<unsigned char>(c));
  return mix(seed, text.size());
}

}  // namespace pegaflow::tools
