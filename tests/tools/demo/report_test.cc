#include "pegaflow-demo/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pegaflow::demo {
namespace {

using testing::HasSubstr;

Workload workload() {
  Workload workload;
  workload.model = {"gpt", "float16", 12, 12, 2, 64, 2};
  workload.arrivals = {{std::chrono::seconds(0), {10, 10, {1}}},
                       {std::chrono::seconds(3), {20, 10, {1, 2}}}};
  return workload;
}

LinkResult good() {
  LinkResult result;
  result.kind = tools::LinkKind::kUcx;
  result.link = {"up", "ucx", "tcp"};
  result.summary.requests = 2;
  result.summary.finished = 2;
  result.summary.bytes = 1'500'000'000;
  result.summary.gbps = 1.25;
  result.summary.ready_to_done_us = {1000, 2000, 3000};
  result.summary.exposed_us = {10, 20, 30};
  result.summary.stages.wire_us = 450;
  return result;
}

LinkResult bad() {
  LinkResult result;
  result.summary.requests = 2;
  result.summary.mismatches = 1;
  result.failures = {{1, "4 wrong bytes; the first: layer 0"}};
  result.broken = "agent-decode-0 ended: signal 9 (Killed)";
  result.log_tails = "---- /tmp/log\nlast words\n";
  return result;
}

TEST(Report, says_by_how_much_the_tokens_were_scaled) {
  const auto text = describe_run(workload());
  EXPECT_THAT(text, HasSubstr("gpt"));
  EXPECT_THAT(text, HasSubstr("36864 bytes"));
  EXPECT_THAT(text, HasSubstr("1/16 of the trace's"));
  EXPECT_THAT(text, HasSubstr("2 requests over 3.0 s, 30 prompt tokens"));
}

TEST(Report, the_table_has_a_column_for_each_link) {
  const auto text = result_table({bad(), good()});
  EXPECT_THAT(text, HasSubstr("mapped"));
  EXPECT_THAT(text, HasSubstr("ucx, tcp"));
  EXPECT_THAT(text, HasSubstr("2 of 2"));
  EXPECT_THAT(text, HasSubstr("1.0 / 2.0 / 3.0"));
  EXPECT_THAT(text, HasSubstr("0.45"));
}

TEST(Report, json_has_what_programs_need) {
  const auto json = nlohmann::json::parse(result_json(workload(), {bad(), good()}));
  EXPECT_EQ(json["model"], "gpt");
  EXPECT_EQ(json["token_scale"], 16);
  ASSERT_EQ(json["links"].size(), 2u);
  const auto& ucx = json["links"][1];
  EXPECT_EQ(ucx["link"], "ucx");
  EXPECT_EQ(ucx["transport"], "tcp");
  EXPECT_EQ(ucx["ok"], true);
  EXPECT_EQ(ucx["requests"], 2);
  EXPECT_EQ(ucx["finished"], 2);
  EXPECT_EQ(ucx["mismatches"], 0);
  EXPECT_EQ(ucx["bytes"], 1'500'000'000);
  EXPECT_DOUBLE_EQ(ucx["gbps"], 1.25);
  EXPECT_DOUBLE_EQ(ucx["ready_to_done_us"]["p99"], 3000);
  EXPECT_DOUBLE_EQ(ucx["exposed_us"]["p50"], 10);
  for (const auto* share : {"p50", "p90", "p99"}) {
    EXPECT_TRUE(ucx["ready_to_done_us"][share].is_number()) << share;
    EXPECT_TRUE(ucx["exposed_us"][share].is_number()) << share;
  }
  for (const auto* stage : {"offer_wait_us", "grant_us", "gather_us", "wire_us", "scatter_us"}) {
    EXPECT_TRUE(ucx["stages"][stage].is_number()) << stage;
  }
  EXPECT_TRUE(ucx["error"].is_null());
  const auto& mapped = json["links"][0];
  EXPECT_EQ(mapped["ok"], false);
  EXPECT_EQ(mapped["failures"][0]["request"], 1);
  EXPECT_THAT(mapped["error"].get<std::string>(), HasSubstr("Killed"));
}

TEST(Report, failures_name_link_request_and_reason_and_show_the_logs) {
  const auto text = failure_text(bad());
  EXPECT_THAT(text, HasSubstr("mapped link: agent-decode-0 ended"));
  EXPECT_THAT(text, HasSubstr("mapped link, request 1: 4 wrong bytes"));
  EXPECT_THAT(text, HasSubstr("last words"));
  EXPECT_EQ(failure_text(good()), "");
}

}  // namespace
}  // namespace pegaflow::demo
