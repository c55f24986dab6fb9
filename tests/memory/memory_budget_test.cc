#include "memory/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/base/temp_dir.h"

namespace pegaflow::memory {
namespace {

using testing::HasSubstr;

class AvailableMemory : public testing::Test {
 protected:
  void SetUp() override {
    write("meminfo", "MemTotal:  9000 kB\nMemAvailable:    1000 kB\nCached: 1 kB\n");
    write("cgroup", "12:cpu:/x\n0::/pods/mine\n");
  }
  void write(const std::string& name, const std::string& content) {
    const std::filesystem::path path = dir_.file(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  std::uint64_t available() {
    return available_memory({dir_.file("meminfo"), dir_.file("cgroup"), dir_.file("fs")});
  }
  TempDir dir_;
};

TEST_F(AvailableMemory, is_the_machines_without_a_limit) {
  EXPECT_EQ(available(), 1000U * 1024);
  write("fs/pods/mine/memory.max", "max\n");
  EXPECT_EQ(available(), 1000U * 1024);
}

TEST_F(AvailableMemory, is_what_the_group_has_left_besides_page_cache) {
  write("fs/pods/mine/memory.max", "50000\n");
  write("fs/pods/mine/memory.current", "40000\n");
  write("fs/pods/mine/memory.stat", "anon 25000\nfile 99\ninactive_file 10000\nactive_file 5000\n");
  EXPECT_EQ(available(), 25'000U);
}

TEST_F(AvailableMemory, is_limited_by_groups_further_up) {
  write("fs/pods/mine/memory.max", "50000\n");
  write("fs/pods/memory.max", "30000\n");
  write("fs/pods/memory.current", "10000\n");
  EXPECT_EQ(available(), 20'000U);
  write("fs/memory.max", "15000\n");
  EXPECT_EQ(available(), 15'000U);
}

TEST_F(AvailableMemory, of_a_full_group_is_none) {
  write("fs/pods/mine/memory.max", "50000\n");
  write("fs/pods/mine/memory.current", "60000\n");
  EXPECT_EQ(available(), 0U);
}

TEST(AvailableMemoryUnknown, limits_nothing) {
  EXPECT_EQ(available_memory({"/nowhere", "/nowhere", "/nowhere"}),
            std::numeric_limits<std::uint64_t>::max());
}

TEST(CheckMemory, says_what_is_needed_and_what_is_there) {
  EXPECT_TRUE(check_memory("x", 10, 10).ok());
  auto refused = check_memory("region \"a\"", 5U << 20U, 3U << 20U);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message(), HasSubstr("needs 5 MiB"));
  EXPECT_THAT(refused.error().message(), HasSubstr("only 3 MiB"));
}

}  // namespace
}  // namespace pegaflow::memory
