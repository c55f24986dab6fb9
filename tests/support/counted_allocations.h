// Counts the allocations of a test program, of all its threads. Replaces the global operators, so
// exactly one source file of a program includes this.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace pegaflow::testing {

inline std::atomic<std::uint64_t> allocations{0};

}  // namespace pegaflow::testing

// Never inlined: GCC 13 takes the free() that it sees for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  pegaflow::testing::allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
