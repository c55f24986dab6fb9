#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/base64.h"
#include "base/json_view.h"

namespace pegaflow {
namespace {

std::string fault_of(std::string_view text) {
  const auto result = parse_json(text);
  return result.ok() ? "" : result.error().message();
}

TEST(ParseJson, key_given_twice_is_refused_with_its_pointer) {
  EXPECT_EQ(fault_of(R"({"a": [0, {"b": 1, "c": {}, "b": 2}]})"),
            "/a/1/b: this key is there twice");
  EXPECT_EQ(fault_of(R"({"a/~": 1, "a/~": 1})"), "/a~1~0: this key is there twice");
  EXPECT_EQ(fault_of(R"([{"a": 1}, {"a": 1}, {"b": {"a": 1}, "a": [{"a": 2}]}])"), "");
}

TEST(ParseJson, faulty_text_names_line_and_column) {
  EXPECT_THAT(fault_of("{\n \"a\": }"), testing::HasSubstr("line 2, column 7"));
  EXPECT_NE(fault_of(""), "");
  EXPECT_NE(fault_of("{} {}"), "");
  EXPECT_NE(fault_of("\"\xff\""), "");
  EXPECT_NE(fault_of("[1e999]"), "");
}

TEST(ParseJson, nesting_has_a_limit) {
  EXPECT_EQ(fault_of(std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']')), "");
  const std::string deep(100'000, '[');
  EXPECT_THAT(fault_of(std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']')),
              testing::HasSubstr("nested deeper"));
  EXPECT_NE(fault_of(deep), "");
}

// Applies `read` to the value of "x" in a document and returns the fault.
template <typename Read>
std::string fault_when(std::string_view value, Read read) {
  const auto document = parse_json(R"({"x": )" + std::string(value) + "}").value();
  JsonFaults faults;
  read(JsonView(document, faults)["x"]);
  return faults.empty() ? "" : faults.status(Code::kProtocol).error().message();
}

TEST(JsonView, integers_are_checked_for_kind_and_range) {
  const auto read = [](const JsonView& x) { EXPECT_LE(x.integer(1, 10), 10U); };
  EXPECT_EQ(fault_when("7", read), "");
  EXPECT_EQ(fault_when("1e1", read), "");
  EXPECT_EQ(fault_when("11", read), "/x: expected an integer from 1 to 10, got 11");
  EXPECT_EQ(fault_when("-1", read), "/x: expected an integer from 1 to 10, got -1");
  EXPECT_EQ(fault_when("1.5", read), "/x: expected an integer from 1 to 10, got 1.5");
  EXPECT_EQ(fault_when("\"7\"", read), "/x: expected an integer from 1 to 10, got \"7\"");
  EXPECT_EQ(fault_when("null", read), "/x: expected an integer from 1 to 10, got null");
  EXPECT_EQ(fault_when("[]", read), "/x: expected an integer from 1 to 10, got an array");
}

TEST(JsonView, objects_name_missing_and_unknown_keys) {
  const auto read = [](const JsonView& x) { x.object({"a"}, {"b"}); };
  EXPECT_EQ(fault_when(R"({"a": 1})", read), "");
  EXPECT_EQ(fault_when(R"({"a": 1, "b": 2})", read), "");
  EXPECT_EQ(fault_when(R"({"b": 2})", read), "/x: the key \"a\" is missing");
  EXPECT_EQ(fault_when(R"({"a": 1, "c": 2})", read), "/x/c: unknown key");
  EXPECT_EQ(fault_when("3", read), "/x: expected an object, got 3");
}

TEST(JsonView, open_objects_may_have_more_keys_but_not_fewer) {
  const auto read = [](const JsonView& x) { x.open_object({"a"}); };
  EXPECT_EQ(fault_when(R"({"a": 1, "c": 2})", read), "");
  EXPECT_EQ(fault_when(R"({"c": 2})", read), "/x: the key \"a\" is missing");
  EXPECT_EQ(fault_when("[]", read), "/x: expected an object, got an array");
}

TEST(JsonView, text_is_checked_for_length_and_characters) {
  const auto read = [](const JsonView& x) { (void)x.text({2, 4, "-"}); };
  EXPECT_EQ(fault_when("\"a-1\"", read), "");
  EXPECT_NE(fault_when("\"a\"", read), "");
  EXPECT_NE(fault_when("\"abcde\"", read), "");
  EXPECT_NE(fault_when("\"a_b\"", read), "");
  EXPECT_NE(fault_when("\"a\\u0000b\"", read), "");
}

TEST(JsonView, long_values_are_shown_shortened) {
  const std::string text = '"' + std::string(10'000, 'y') + '"';
  EXPECT_LT(fault_when(text, [](const JsonView& x) { (void)x.boolean(); }).size(), 200U);
}

TEST(JsonView, hex_is_lower_case_and_of_exact_length) {
  const auto read = [](const JsonView& x) {
    const auto number = x.hex_u64();
    EXPECT_TRUE(number == 0 || number == 0x00ff10abULL);
  };
  EXPECT_EQ(fault_when("\"0000000000ff10ab\"", read), "");
  EXPECT_NE(fault_when("\"0000000000FF10AB\"", read), "");
  EXPECT_NE(fault_when("\"ff10ab\"", read), "");
}

TEST(JsonView, absent_values_read_silently) {
  const auto document = parse_json("{}").value();
  JsonFaults faults;
  const JsonView view(document, faults);
  EXPECT_FALSE(view["a"]["b"].present());
  EXPECT_EQ(view["a"].integer(1, 2), 0U);
  EXPECT_TRUE(view["a"].array(1, 2).empty());
  EXPECT_TRUE(faults.empty());
}

TEST(JsonFaults, keeps_a_bounded_number) {
  JsonFaults faults;
  for (int i = 0; i < 1'000; ++i) faults.add("/a", "b");
  EXPECT_EQ(faults.all().size(), JsonFaults::kMaxFaults);
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto span = std::as_bytes(std::span(text));
  return {span.begin(), span.end()};
}

TEST(Base64, known_values) {
  const std::array<std::pair<const char*, const char*>, 5> known{
      {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"\xff\xfe\xfd", "//79"}}};
  for (const auto& [plain, encoded] : known) {
    EXPECT_EQ(to_base64(bytes_of(plain)), encoded);
    EXPECT_EQ(from_base64(encoded).value(), bytes_of(plain));
  }
}

TEST(Base64, only_the_canonical_form_is_read) {
  for (const char* text : {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm 9", "Zm9v\n", "=m9v",
                           "Zg==Zg==", "Z\xc3\xa4=="}) {
    EXPECT_FALSE(from_base64(text).ok()) << text;
  }
}

}  // namespace
}  // namespace pegaflow
