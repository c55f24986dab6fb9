#include "transport/registrations.h"

#include <gtest/gtest.h>

namespace pegaflow::transport {
namespace {

std::uint64_t address_of(const std::byte* byte) { return reinterpret_cast<std::uintptr_t>(byte); }

TEST(Registrations, find_exactly_the_bytes_that_are_registered) {
  Registrations registrations(2);
  std::vector<std::byte> memory(100);
  const auto slot = registrations.take(std::span(memory).subspan(10, 50)).value();
  const auto begin = address_of(memory.data());
  EXPECT_EQ(registrations.find(begin + 10, 50).data(), memory.data() + 10);
  EXPECT_EQ(registrations.find(begin + 59, 1).size(), 1U);
  EXPECT_TRUE(registrations.find(begin + 9, 1).empty());
  EXPECT_TRUE(registrations.find(begin + 60, 1).empty());
  EXPECT_TRUE(registrations.find(begin + 59, 2).empty());
  EXPECT_TRUE(registrations.find(begin + 10, ~std::uint64_t{0}).empty());
  EXPECT_TRUE(registrations.find(begin + 10, 0).empty());
}

TEST(Registrations, are_limited_and_given_back) {
  Registrations registrations(1);
  std::vector<std::byte> memory(10);
  EXPECT_FALSE(registrations.any());
  {
    const auto slot = registrations.take(memory).value();
    EXPECT_TRUE(registrations.any());
    EXPECT_EQ(registrations.take(memory).error().code(), Code::kResourceExhausted);
  }
  EXPECT_FALSE(registrations.any());
  EXPECT_TRUE(registrations.find(address_of(memory.data()), 1).empty());
  EXPECT_TRUE(registrations.take(memory).ok());
}

}  // namespace
}  // namespace pegaflow::transport
