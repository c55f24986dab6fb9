#include "table.h"

#include <gtest/gtest.h>

namespace pegaflow::ctl {
namespace {

TEST(Table, columns_are_aligned_by_characters_not_bytes) {
  Table table({"A", "B", "C"});
  EXPECT_TRUE(table.empty());
  table.add({"µµµ", "1", ""});
  table.add({"x", "22", "y"});
  EXPECT_EQ(table.text(), "A    B   C\nµµµ  1\nx    22  y\n");
  EXPECT_FALSE(table.empty());
}

TEST(Table, control_characters_become_question_marks) {
  Table table({"A"});
  table.add({"a\x1b[31m\nb"});
  EXPECT_EQ(table.text(), "A\na?[31m?b\n");
}

TEST(Figures, have_fitting_units) {
  EXPECT_EQ(bandwidth_text(0), "-");
  EXPECT_EQ(bandwidth_text(999), "999 B/s");
  EXPECT_EQ(bandwidth_text(1'500'000), "1.5 MB/s");
  EXPECT_EQ(bandwidth_text(345'000'000'000), "345 GB/s");
  EXPECT_EQ(bandwidth_text(4'000'000'000'000), "4000 GB/s");
  EXPECT_EQ(duration_text(0), "-");
  EXPECT_EQ(duration_text(850), "850 ns");
  EXPECT_EQ(duration_text(4'200), "4.2 µs");
  EXPECT_EQ(duration_text(12'000'000), "12.0 ms");
}

}  // namespace
}  // namespace pegaflow::ctl
