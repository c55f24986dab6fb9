#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "pegaflow-bench/pool_memory.h"

namespace pegaflow::bench {
namespace {

TEST(PoolMemory, what_is_written_is_read_back_and_nothing_else_changes) {
  const auto pool = allocate_pool(MemoryKind::kHost, 1 << 20);
  ASSERT_TRUE(pool.ok()) << pool.error().message();
  const std::array<std::byte, 3> data{std::byte{1}, std::byte{2}, std::byte{3}};
  (*pool)->write(4096, data);
  std::array<std::byte, 5> found{};
  (*pool)->read(4095, found);
  EXPECT_THAT(found, testing::ElementsAre(std::byte{0}, std::byte{1}, std::byte{2}, std::byte{3},
                                          std::byte{0}));
  EXPECT_EQ((*pool)->bytes(), 1u << 20);
  EXPECT_NE((*pool)->address(), 0u);
}

TEST(PoolMemory, more_than_the_machine_has_is_an_error_that_says_how_much) {
  const auto pool = allocate_pool(MemoryKind::kHost, std::uint64_t{1} << 50);
  ASSERT_FALSE(pool.ok());
  EXPECT_THAT(pool.error().message(), testing::HasSubstr("1125899906842624"));
}

}  // namespace
}  // namespace pegaflow::bench
