#include "support/pattern.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "pegaflow-demo/row_id.h"

namespace pegaflow::demo {
namespace {

RC_GTEST_PROP(Pattern, any_flipped_bit_is_found, (std::uint64_t seed)) {
  const auto size = *rc::gen::inRange<std::size_t>(1, 300);
  std::vector<std::byte> row(size);
  tools::fill_row(seed, row);
  RC_ASSERT(tools::row_matches(seed, row));
  RC_ASSERT(tools::count_wrong_bytes(seed, row) == 0u);
  const auto at = *rc::gen::inRange<std::size_t>(0, size);
  row[at] ^= static_cast<std::byte>(1u << *rc::gen::inRange(0, 8));
  RC_ASSERT(!tools::row_matches(seed, row));
  RC_ASSERT(tools::count_wrong_bytes(seed, row) == 1u);
  RC_ASSERT(row[at] != tools::pattern_byte(seed, at));
}

TEST(Pattern, rows_differ_in_every_part_of_their_identity) {
  const RowId base{1, 2, 3, 4, 0};
  const std::vector<RowId> others = {{2, 2, 3, 4, 0}, {1, 3, 3, 4, 0}, {1, 2, 4, 4, 0},
                                     {1, 2, 3, 5, 0}, {1, 2, 3, 4, 1}, {1, 3, 2, 4, 0},
                                     {1, 2, 4, 3, 0}};
  for (const auto& other : others) EXPECT_NE(row_seed(base), row_seed(other));
}

TEST(Pattern, a_row_shifted_by_one_byte_or_word_does_not_match) {
  std::vector<std::byte> row(264);
  const auto seed = row_seed({7, 0, 0, 0, 0});
  tools::fill_row(seed, row);
  EXPECT_FALSE(tools::row_matches(seed, std::span(row).subspan(1, 256)));
  EXPECT_FALSE(tools::row_matches(seed, std::span(row).subspan(8, 256)));
}

TEST(Pattern, memory_nobody_wrote_does_not_match) {
  const std::vector<std::byte> zeros(256);
  EXPECT_FALSE(tools::row_matches(row_seed({0, 0, 0, 0, 0}), zeros));
}

}  // namespace
}  // namespace pegaflow::demo
