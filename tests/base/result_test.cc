#include "pegaflow/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace pegaflow {
namespace {

Result<int> parse(const std::string& text) {
  if (text.empty()) return Error(Code::kInvalidArgument, "no digits");
  return static_cast<int>(text.size());
}

Result<std::string> describe(const std::string& text) {
  PEGAFLOW_ASSIGN(const int size, parse(text));
  return std::to_string(size) + " characters";
}

Status check_twice(const std::string& first, const std::string& second, int& checked) {
  PEGAFLOW_TRY(describe(first));
  ++checked;
  PEGAFLOW_TRY(describe(second));
  ++checked;
  return {};
}

TEST(Result, holds_a_value_or_an_error) {
  const Result<int> good = parse("abc");
  EXPECT_TRUE(good.ok());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(*good, 3);
  const Result<int> bad = parse("");
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(bad.error().message(), "no digits");
}

TEST(Result, carries_values_that_can_only_be_moved) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(5));
  const std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 5);
}

TEST(Result, changes_its_value_in_place) {
  Result<std::string> result(std::string("a"));
  result->append("b");
  *result += "c";
  EXPECT_EQ(result.value(), "abc");
}

TEST(Result, dies_when_read_on_its_other_side) {
  const Result<int> bad = parse("");
  EXPECT_DEATH((void)bad.value(), "no digits");
  const Result<int> good = parse("a");
  EXPECT_DEATH((void)good.error(), "it holds a value");
  const Status done;
  EXPECT_DEATH((void)done.error(), "it holds a value");
  const Status failed = Error(Code::kSystem, "disk on fire");
  EXPECT_DEATH(failed.value(), "disk on fire");
}

TEST(Result, macros_pass_errors_up_and_values_on) {
  EXPECT_EQ(describe("abcd").value(), "4 characters");
  EXPECT_EQ(describe("").error().message(), "no digits");
  int checked = 0;
  EXPECT_FALSE(check_twice("a", "", checked).ok());
  EXPECT_EQ(checked, 1);
  EXPECT_TRUE(check_twice("a", "b", checked).ok());
  EXPECT_EQ(checked, 3);
}

TEST(Error, gains_context_in_front) {
  const Error error = Error(Code::kNotFound, "no such key").within("offer");
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.message(), "offer: no such key");
}

TEST(Code, has_a_name_for_each_value) {
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    EXPECT_NE(to_string(static_cast<Code>(code)), "unknown") << code;
  }
}

}  // namespace
}  // namespace pegaflow
