#include "pegaflow-demo/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pegaflow::demo {
namespace {

using testing::HasSubstr;

constexpr const char* kRow =
    R"({"timestamp": 5, "input_length": 600, "output_length": 7, "hash_ids": [3, 9]})";

std::string fault_of(const std::string& text) {
  const auto rows = parse_trace(text, 100);
  return rows.ok() ? "no fault" : rows.error().message();
}

TEST(Trace, reads_rows_in_order) {
  const auto rows = parse_trace(
      std::string(kRow) + "\n" +
          R"({"timestamp": 9, "input_length": 1, "output_length": 0, "hash_ids": [4]})" + "\n",
      100);
  ASSERT_TRUE(rows.ok()) << rows.error().message();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].arrival_ms, 5u);
  EXPECT_EQ((*rows)[0].input_tokens, 600u);
  EXPECT_EQ((*rows)[0].output_tokens, 7u);
  EXPECT_THAT((*rows)[0].prefix_ids, testing::ElementsAre(3u, 9u));
  EXPECT_EQ((*rows)[1].arrival_ms, 9u);
}

TEST(Trace, stops_at_the_row_limit_and_does_not_read_further) {
  const auto rows = parse_trace(std::string(kRow) + "\nnot JSON\n", 1);
  ASSERT_TRUE(rows.ok()) << rows.error().message();
  EXPECT_EQ(rows->size(), 1u);
}

TEST(Trace, a_fault_names_line_and_key) {
  EXPECT_THAT(fault_of(std::string(kRow) + "\nnot JSON\n"), HasSubstr("line 2: "));
  EXPECT_THAT(
      fault_of(R"({"timestamp": 5, "input_length": 513, "output_length": 7, "hash_ids": [3]})"),
      HasSubstr("line 1: /hash_ids: expected"));
  EXPECT_THAT(
      fault_of(R"({"timestamp": 5, "input_length": 0, "output_length": 7, "hash_ids": []})"),
      HasSubstr("/input_length"));
  EXPECT_THAT(
      fault_of(R"({"timestamp": 5, "input_length": 9, "output_length": 7, "hash_ids": [-1]})"),
      HasSubstr("/hash_ids/0"));
  EXPECT_THAT(fault_of(R"({"timestamp": 5, "input_length": 9, "hash_ids": [1]})"),
              HasSubstr("output_length"));
  EXPECT_THAT(fault_of(R"({"timestamp": 5, "input_length": 9, "output_length": 7,
                           "hash_ids": [1], "extra": 1})"),
              HasSubstr("line 1"));
}

TEST(Trace, time_may_not_run_backwards) {
  EXPECT_THAT(
      fault_of(std::string(kRow) + "\n" +
               R"({"timestamp": 4, "input_length": 1, "output_length": 0, "hash_ids": [4]})"),
      HasSubstr("line 2: /timestamp"));
}

TEST(Trace, an_empty_trace_is_an_error) { EXPECT_THAT(fault_of(""), HasSubstr("at least one")); }

TEST(Trace, the_bundled_trace_is_whole) {
  const auto rows = load_trace(PEGAFLOW_CONFIG_DIR "/traces/conversation_100.jsonl", 1000);
  ASSERT_TRUE(rows.ok()) << rows.error().message();
  EXPECT_EQ(rows->size(), 100u);
  EXPECT_EQ(rows->front().input_tokens, 6758u);
}

TEST(Trace, a_missing_file_is_named) {
  const auto rows = load_trace("/nonexistent/trace.jsonl", 1);
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code(), Code::kNotFound);
  EXPECT_THAT(rows.error().message(), HasSubstr("/nonexistent/trace.jsonl"));
}

}  // namespace
}  // namespace pegaflow::demo
