// Randomness for identities (keys, epochs, incarnations); from the kernel. Thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pegaflow {

void fill_random(std::span<std::byte> out);
// Never 0, so that 0 can mean "none".
std::uint64_t random_u64();

}  // namespace pegaflow
