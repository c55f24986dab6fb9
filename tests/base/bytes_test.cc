#include "base/bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace pegaflow {
namespace {

TEST(ByteWriter, writes_little_endian) {
  std::array<std::byte, 15> buffer{};
  ByteWriter writer(buffer);
  writer.put(std::uint8_t{0x01});
  writer.put(std::uint16_t{0x0203});
  writer.put(std::uint32_t{0x04050607});
  writer.put(std::uint64_t{0x08090A0B0C0D0E0F});
  EXPECT_TRUE(writer.ok());
  EXPECT_EQ(writer.size(), 15U);
  const std::uint8_t expected[] = {1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8};
  for (std::size_t i = 0; i < 15; ++i) EXPECT_EQ(static_cast<std::uint8_t>(buffer[i]), expected[i]);
}

TEST(ByteWriter, writes_nothing_of_what_does_not_fit) {
  std::array<std::byte, 6> buffer{};
  ByteWriter writer(buffer);
  writer.put(std::uint32_t{1});
  writer.put(std::uint32_t{0xFFFFFFFF});
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.size(), 4U);
  EXPECT_EQ(buffer[4], std::byte{0});
  writer.put(std::uint8_t{1});
  EXPECT_FALSE(writer.ok()) << "later success must not hide the failure";
}

TEST(ByteWriter, refuses_long_short_strings) {
  std::array<std::byte, 400> buffer{};
  ByteWriter fits(buffer);
  fits.put_short_string(std::string(255, 'x'));
  EXPECT_TRUE(fits.ok());
  ByteWriter writer(buffer);
  writer.put_short_string(std::string(256, 'x'));
  EXPECT_FALSE(writer.ok());
}

TEST(ByteReader, reads_zeros_after_the_first_short_read) {
  const std::array<std::byte, 5> buffer{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                                        std::byte{5}};
  ByteReader reader(buffer);
  EXPECT_EQ(reader.get<std::uint32_t>(), 0x04030201U);
  EXPECT_EQ(reader.get<std::uint16_t>(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.get<std::uint8_t>(), 0U) << "one byte is left, but the message is broken";
  EXPECT_TRUE(reader.get_bytes(1).empty());
  EXPECT_EQ((reader.get_array<2>()), (std::array<std::uint8_t, 2>{}));
  EXPECT_EQ(reader.get_short_string(), "");
  EXPECT_FALSE(reader.finished());
}

TEST(ByteReader, is_finished_only_when_nothing_is_left) {
  const std::array<std::byte, 2> buffer{};
  ByteReader reader(buffer);
  EXPECT_FALSE(reader.finished());
  EXPECT_EQ(reader.left(), 2U);
  reader.get<std::uint16_t>();
  EXPECT_TRUE(reader.finished());
}

TEST(ByteReader, refuses_a_string_longer_than_the_buffer) {
  const std::array<std::byte, 3> buffer{std::byte{3}, std::byte{'a'}, std::byte{'b'}};
  ByteReader reader(buffer);
  EXPECT_EQ(reader.get_short_string(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, survives_lengths_near_the_largest_number) {
  const std::array<std::byte, 3> buffer{};
  ByteReader reader(buffer);
  EXPECT_TRUE(reader.get_bytes(~std::size_t{0}).empty());
  EXPECT_FALSE(reader.ok());
}

RC_GTEST_PROP(Bytes, what_is_written_is_read,
              (std::uint8_t a, std::uint16_t b, std::uint32_t c, std::uint64_t d,
               const std::array<std::uint8_t, 16>& e)) {
  const auto text = *rc::gen::resize(60, rc::gen::arbitrary<std::string>());
  std::vector<std::byte> buffer(8 + 4 + 2 + 1 + 16 + 1 + text.size());
  ByteWriter writer(buffer);
  writer.put(a);
  writer.put(b);
  writer.put(e);
  writer.put_short_string(text);
  writer.put(c);
  writer.put(d);
  RC_ASSERT(writer.ok());
  RC_ASSERT(writer.written().size() == buffer.size());
  ByteReader reader(writer.written());
  RC_ASSERT(reader.get<std::uint8_t>() == a);
  RC_ASSERT(reader.get<std::uint16_t>() == b);
  RC_ASSERT(reader.get_array<16>() == e);
  RC_ASSERT(reader.get_short_string() == text);
  RC_ASSERT(reader.get<std::uint32_t>() == c);
  RC_ASSERT(reader.get<std::uint64_t>() == d);
  RC_ASSERT(reader.finished());
}

RC_GTEST_PROP(Bytes, no_cut_of_a_message_reads_as_a_whole_one, (std::uint32_t a, std::uint64_t b)) {
  std::array<std::byte, 12> buffer{};
  ByteWriter writer(buffer);
  writer.put(a);
  writer.put(b);
  const auto size = *rc::gen::inRange<std::size_t>(0, 12);
  ByteReader reader(std::span<const std::byte>(buffer.data(), size));
  reader.get<std::uint32_t>();
  reader.get<std::uint64_t>();
  RC_ASSERT(!reader.finished());
}

}  // namespace
}  // namespace pegaflow
