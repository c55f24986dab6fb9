#include "base/printable.h"

#include <gtest/gtest.h>

namespace pegaflow {
namespace {

using namespace std::literals;

TEST(Printable, ordinary_text_stays) { EXPECT_EQ(printable("p→d: 12 µs"), "p→d: 12 µs"); }

TEST(Printable, control_characters_are_written_out) {
  EXPECT_EQ(printable("a\nb\x1b[0m\0"sv), "a\\x0ab\\x1b[0m\\x00");
}

TEST(Printable, bytes_that_are_not_utf8_are_written_out) {
  EXPECT_EQ(printable("\xff\xc3("), "\\xff\\xc3(");
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");  // cut short
}

}  // namespace
}  // namespace pegaflow
