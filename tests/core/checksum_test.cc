#include "core/checksum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace pegaflow::core {
namespace {

std::vector<std::byte> random_bytes(std::size_t count) {
  std::mt19937 random(9);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

std::uint32_t sum_of(std::initializer_list<unsigned> values) {
  std::vector<std::byte> bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return slot_sum(bytes);
}

TEST(SlotSum, is_the_same_for_ever) {
  EXPECT_EQ(sum_of({}), 0U);
  EXPECT_EQ(sum_of({1}), static_cast<std::uint32_t>(slot_sum_key(0) >> 32U));
  EXPECT_EQ(slot_sum_key(0), 0x5D1170A99E3779B1ULL);
}

TEST(SlotSum, parts_of_words_may_be_added_one_by_one) {
  const auto bytes = random_bytes(103);
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<std::uint64_t>(bytes[i]) << (8U * (i % 4));
    sum += byte * slot_sum_key(i / 4);
  }
  EXPECT_EQ(slot_sum(bytes), static_cast<std::uint32_t>(sum >> 32U));
}

TEST(SlotSum, sees_any_flipped_bit_and_any_two_swapped_rows) {
  const auto good = random_bytes(4096);
  const std::uint32_t sum = slot_sum(good);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_NE(slot_sum(bad), sum) << "bit " << bit;
  }
  constexpr std::ptrdiff_t kRow = 64;
  for (std::ptrdiff_t row = 1; row < 64; ++row) {
    auto bad = good;
    std::swap_ranges(bad.begin(), bad.begin() + kRow, bad.begin() + row * kRow);
    ASSERT_NE(slot_sum(bad), sum) << "row " << row;
  }
}

TEST(ChecksumKind, is_the_slot_sum_as_soon_as_one_end_is_a_gpu) {
  const KvShape host;
  KvShape gpu;
  gpu.gpu_uuid = "GPU-1";
  EXPECT_EQ(checksum_kind(false, gpu, gpu), ChecksumKind::kNone);
  EXPECT_EQ(checksum_kind(true, host, host), ChecksumKind::kCrc32c);
  EXPECT_EQ(checksum_kind(true, host, gpu), ChecksumKind::kSlotSum);
  EXPECT_EQ(checksum_kind(true, gpu, host), ChecksumKind::kSlotSum);
}

}  // namespace
}  // namespace pegaflow::core
