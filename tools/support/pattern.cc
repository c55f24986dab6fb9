#include "support/pattern.h"

#include <cstring>

namespace pegaflow::tools {
namespace {

constexpr std::uint64_t kWordStep = 0x9E3779B97F4A7C15ULL;  // odd: 2^64 steps until words repeat
constexpr std::size_t kWord = sizeof(std::uint64_t);

std::uint64_t word_at(std::uint64_t seed, std::size_t index) { return seed + index * kWordStep; }

}  // namespace

void fill_row(std::uint64_t seed, std::span<std::byte> row) {
  const std::size_t words = row.size() / kWord;
  for (std::size_t i = 0; i < words; ++i) {
    const auto word = word_at(seed, i);
    std::memcpy(row.data() + i * kWord, &word, kWord);
  }
  const auto last = word_at(seed, words);
  std::memcpy(row.data() + words * kWord, &last, row.size() % kWord);
}

bool row_matches(std::uint64_t seed, std::span<const std::byte> row) {
  const std::size_t words = row.size() / kWord;
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < words; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, row.data() + i * kWord, kWord);
    difference |= word ^ word_at(seed, i);
  }
  const auto last = word_at(seed, words);
  return difference == 0 && std::memcmp(row.data() + words * kWord, &last, row.size() % kWord) == 0;
}

std::byte pattern_byte(std::uint64_t seed, std::size_t offset) {
  return static_cast<std::byte>(word_at(seed, offset / kWord) >> (8 * (offset % kWord)));
}

std::size_t count_wrong_bytes(std::uint64_t seed, std::span<const std::byte> row) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] != pattern_byte(seed, i)) ++wrong;
  }
  return wrong;
}

}  // namespace pegaflow::tools
