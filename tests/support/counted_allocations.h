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

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  pegaflow::testing::allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
