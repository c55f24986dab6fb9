#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pegaflow-bench/pool_memory.h"

namespace pegaflow::bench {
namespace {

TEST(PoolMemory, a_host_pool_is_what_its_view_is) {
  const auto pool = allocate_pool(MemoryKind::kHost, 1 << 20, "");
  ASSERT_TRUE(pool.ok()) << pool.error().message();
  const auto view = (*pool)->view();
  EXPECT_EQ(view.size(), 1u << 20);
  EXPECT_EQ((*pool)->bytes(), 1u << 20);
  EXPECT_EQ((*pool)->address(), reinterpret_cast<std::uint64_t>(view.data()));
  EXPECT_EQ((*pool)->gpu(), "");
  view[4096] = std::byte{1};
  EXPECT_TRUE((*pool)->flush().ok());
  EXPECT_TRUE((*pool)->fetch().ok());
  EXPECT_EQ(view[4096], std::byte{1});
}

TEST(PoolMemory, more_than_the_machine_has_is_an_error_that_says_how_much) {
  const auto pool = allocate_pool(MemoryKind::kHost, std::uint64_t{1} << 50, "");
  ASSERT_FALSE(pool.ok());
  EXPECT_THAT(pool.error().message(), testing::HasSubstr("1125899906842624"));
}

TEST(PoolMemory, a_gpu_that_is_not_there_is_an_error_that_names_it) {
  const auto pool = allocate_pool(MemoryKind::kCuda, 1 << 20, "GPU-of-nobody");
  ASSERT_FALSE(pool.ok());
  EXPECT_THAT(pool.error().message(), testing::HasSubstr("GPU"));
}

}  // namespace
}  // namespace pegaflow::bench
