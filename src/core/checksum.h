// Which checksum a chunk carries, and the one that GPUs compute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "pegaflow/kv_shape.h"

namespace pegaflow::core {

enum class ChecksumKind : std::uint8_t {
  kNone,     // integrity is off
  kCrc32c,   // of the slot's bytes in order: fast on CPUs, serial
  kSlotSum,  // slot_sum(): any number of threads in any order
};

// What both ends of a stream use; a function of the two shapes, so that it need not travel. Pools
// on the host use CRC32C; as soon as one of them is on a GPU, the slot sum.
ChecksumKind checksum_kind(bool integrity, const KvShape& source, const KvShape& sink);

// The key that the slot's 32-bit word number `index` is multiplied by. Also computed by kernels.
constexpr std::uint64_t slot_sum_key(std::uint32_t index) {
  const std::uint32_t low = (index + 1U) * 0x9E3779B1U;
  const std::uint32_t high = (low ^ (low >> 15U)) * 0x85EBCA77U;
  return (std::uint64_t{high} << 32U) | low;
}

// Upper half of the sum over all 32-bit little-endian words w of w · slot_sum_key(index of w), mod
// 2^64; a last piece of a word counts as if zeros followed. Multilinear, so that every part of a
// word (down to a byte) may be added by itself, and in any order.
std::uint32_t slot_sum(std::span<const std::byte> bytes);

}  // namespace pegaflow::core
