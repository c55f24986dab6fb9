#include "base/hex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "pegaflow/key.h"

namespace pegaflow {
namespace {

using ::testing::HasSubstr;

TEST(Hex, writes_two_digits_a_byte) {
  const std::array<std::uint8_t, 4> bytes{0x00, 0x0F, 0xA0, 0xFF};
  EXPECT_EQ(to_hex(bytes), "000fa0ff");
  EXPECT_EQ(to_hex(std::span<const std::uint8_t>()), "");
}

TEST(Hex, reads_digits_of_either_case) {
  std::array<std::uint8_t, 3> bytes{};
  EXPECT_TRUE(from_hex("0aBcFf", bytes).ok());
  EXPECT_EQ(bytes, (std::array<std::uint8_t, 3>{0x0A, 0xBC, 0xFF}));
}

TEST(Hex, refuses_other_lengths_and_other_characters) {
  std::array<std::uint8_t, 2> bytes{};
  EXPECT_THAT(from_hex("abc", bytes).error().message(),
              HasSubstr("expected 4 hex digits, got 3 characters"));
  EXPECT_FALSE(from_hex("abcde", bytes).ok());
  EXPECT_THAT(from_hex("abxy", bytes).error().message(), HasSubstr("got 'xy'"));
  EXPECT_FALSE(from_hex("0x12", bytes).ok());
  EXPECT_FALSE(from_hex("-1 2", bytes).ok());
  EXPECT_FALSE(from_hex("g000", bytes).ok());
  EXPECT_FALSE(from_hex("0/0:", bytes).ok());
  EXPECT_FALSE(from_hex("@`00", bytes).ok());
}

TEST(Key, is_read_back_from_its_digits) {
  const Key key = Key::random();
  EXPECT_EQ(Key::from_hex(key.to_hex()).value(), key);
  EXPECT_EQ(key.to_hex().size(), 64U);
  EXPECT_FALSE(Key::from_hex(key.to_hex() + "00").ok());
}

TEST(Key, is_never_minted_twice) { EXPECT_NE(Key::random(), Key::random()); }

}  // namespace
}  // namespace pegaflow
