// No transport allocates on our side once a link is warm. UCX's own memory comes from malloc and
// is not counted.
#include <cstdlib>
#include <new>

#include "link_fixture.h"

// ThreadSanitizer's runtime has an operator new of its own; there is nothing to count there.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PEGAFLOW_TSAN
#endif
#endif

#ifndef PEGAFLOW_TSAN

namespace {

thread_local std::uint64_t allocations = 0;

void* counted(std::size_t bytes) {
  ++allocations;
  void* memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*bytes*/) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t /*bytes*/) noexcept { std::free(memory); }

namespace pegaflow::transport::testing {
namespace {

using Allocations = LinkTest;

TEST_P(Allocations, there_are_none_per_put_flush_and_message) {
  peer_does(Command::kEcho, 1);
  const auto before_flushes = side().flushed();
  std::uint64_t token = 0;
  const std::function<bool()> answered = [&] {
    return side().flushed() == before_flushes + token && side().record().received == token;
  };
  const auto rounds = [&](int count) {
    for (int i = 0; i < count; ++i) {
      if (!side().put_pattern(1, 0, 4096).ok() || !side().flush(token++).ok() ||
          !side().send_next().ok() || !side().run_until(answered)) {
        return false;
      }
    }
    return true;
  };
  ASSERT_TRUE(rounds(50));
  const auto before = allocations;
  ASSERT_TRUE(rounds(200));
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(side().record().corrupt, 0U);
}

INSTANTIATE_TEST_SUITE_P(Transport, Allocations, ::testing::ValuesIn(backends_under_test()),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace pegaflow::transport::testing

#endif  // PEGAFLOW_TSAN
