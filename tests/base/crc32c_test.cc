#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string_view>
#include <vector>

namespace pegaflow {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::vector<std::byte> random_bytes(std::size_t size) {
  std::mt19937 random(7);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// Vectors of RFC 3720, appendix B.4, and the usual check value.
TEST(Crc32c, gives_the_published_sums) {
  const std::vector<std::byte> zeros(32);
  const std::vector<std::byte> ones(32, std::byte{0xFF});
  std::vector<std::byte> ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<std::byte>(i));
  EXPECT_EQ(crc32c(zeros), 0x8A9136AAU);
  EXPECT_EQ(crc32c(ones), 0x62A8AB43U);
  EXPECT_EQ(crc32c(ascending), 0x46DD794EU);
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, is_the_same_with_and_without_the_instruction) {
  const auto bytes = random_bytes(20000);
  const std::span all(bytes);
  for (std::size_t size = 0; size < 4000; ++size) {
    const auto part = all.subspan(size % 9, size);  // any alignment
    ASSERT_EQ(crc32c(part, 5), crc32c_portable(part, 5)) << size << " bytes";
  }
  EXPECT_EQ(crc32c(all), crc32c_portable(all));
}

TEST(Crc32c, continues_from_the_sum_of_what_came_before) {
  const auto bytes = random_bytes(10000);
  const std::span all(bytes);
  for (const std::size_t cut : {0U, 1U, 8U, 383U, 384U, 3072U, 9999U, 10000U}) {
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all)) << "cut at " << cut;
  }
}

TEST(Crc32c, notices_one_flipped_bit) {
  auto bytes = random_bytes(5000);
  const std::uint32_t before = crc32c(bytes);
  for (const std::size_t at : {0U, 1023U, 1024U, 4999U}) {
    bytes[at] ^= std::byte{0x10};
    EXPECT_NE(crc32c(bytes), before);
    bytes[at] ^= std::byte{0x10};
  }
}

}  // namespace
}  // namespace pegaflow
