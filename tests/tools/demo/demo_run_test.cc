// The whole demo: real agents, real engines, small requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "pegaflow-demo/temp_dir.h"
#include "pegaflow-demo/text_file.h"

namespace pegaflow::demo {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Run {
  int exit_status = -1;
  std::string out;
  std::string err;
  json parsed() const { return json::parse(out, nullptr, false); }
};

// A small, quick workload unless `arguments` say otherwise.
Run run_demo(const std::string& arguments) {
  Run run;
  const auto dir = TempDir::create();
  EXPECT_TRUE(dir.ok());
  const auto err = dir->path() / "err";
  const std::string command = "TMPDIR=" + dir->path().string() +
                              " " PEGAFLOW_DEMO
                              " --model gpt2 --requests 6 --token-scale 32 --time-scale 0 "
                              "--compute-ns 0 --slots 16 --slot-bytes 262144 --json " +
                              arguments + " 2>" + err.string();
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return run;
  std::array<char, 4096> piece{};
  while (const auto n = std::fread(piece.data(), 1, piece.size(), pipe)) {
    run.out.append(piece.data(), n);
  }
  const int status = ::pclose(pipe);
  run.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  run.err = tail_of_file(err, 1000);
  std::filesystem::remove(err);
  EXPECT_TRUE(std::filesystem::is_empty(dir->path())) << "the demo left files behind";
  return run;
}

void expect_all_finished(const Run& run, std::size_t links) {
  ASSERT_EQ(run.exit_status, 0) << run.err << run.out;
  const auto result = run.parsed();
  ASSERT_TRUE(result.is_object()) << run.out;
  ASSERT_EQ(result["links"].size(), links);
  for (const auto& link : result["links"]) {
    EXPECT_EQ(link["ok"], true) << link;
    EXPECT_EQ(link["finished"], link["requests"]) << link;
    EXPECT_EQ(link["mismatches"], 0) << link;
    EXPECT_GT(link["bytes"], 0) << link;
    EXPECT_GT(link["gbps"], 0) << link;
  }
}

TEST(DemoMapped, every_byte_arrives_between_unlike_engines) {
  const auto run = run_demo("--link mapped");
  expect_all_finished(run, 1);
  const auto link = run.parsed()["links"][0];
  EXPECT_EQ(link["link"], "mapped");
  EXPECT_EQ(link["requests"], 6);
  EXPECT_EQ(link["path"], "direct");
}

TEST(DemoMapped, the_agent_copies_when_the_topology_says_so) {
  const auto run = run_demo("--link mapped --path agent");
  expect_all_finished(run, 1);
  EXPECT_EQ(run.parsed()["links"][0]["path"], "agent");
}

TEST(DemoMapped, more_decode_ranks_than_prefill_ranks_and_cross_layer_blocks) {
  expect_all_finished(run_demo("--link mapped --p-tp 1 --d-tp 4 --p-layout block-first "
                               "--d-layout hnd-kv --p-block 24 --d-block 16"),
                      1);
}

TEST(DemoMapped, equal_layouts_and_requests_marked_ready_as_a_whole) {
  expect_all_finished(run_demo("--link mapped --p-tp 1 --d-tp 1 --p-layout hnd --d-layout hnd "
                               "--p-block 16 --d-block 16 --push request"),
                      1);
}

TEST(DemoMapped, latent_attention_whose_one_head_both_ranks_of_p_hold) {
  expect_all_finished(run_demo("--link mapped --model deepseek-v3 --p-tp 2 --d-tp 1"), 1);
}

TEST(DemoMapped, pools_with_room_for_little_more_than_the_largest_request) {
  expect_all_finished(run_demo("--link mapped --requests 12 --concurrency 8 --pool-mib 100"), 1);
}

TEST(DemoMapped, without_checksums) {
  expect_all_finished(run_demo("--link mapped --integrity off"), 1);
}

TEST(DemoMapped, one_damaged_bit_is_found_and_named) {
  const auto run = run_demo("--link mapped --corrupt 3");
  EXPECT_EQ(run.exit_status, 1);
  const auto link = run.parsed()["links"][0];
  EXPECT_EQ(link["ok"], false);
  EXPECT_EQ(link["mismatches"], 1);
  EXPECT_EQ(link["finished"], 5);
  ASSERT_EQ(link["failures"].size(), 1u) << link;
  EXPECT_EQ(link["failures"][0]["request"], 3);
  EXPECT_THAT(link["failures"][0]["reason"].get<std::string>(), HasSubstr("1 wrong bytes"));
  EXPECT_THAT(run.err, HasSubstr("mapped link, request 3: 1 wrong bytes"));
}

TEST(DemoMapped, an_agent_that_does_not_start_is_named_and_its_log_shown) {
  const auto bin = TempDir::create();
  ASSERT_TRUE(bin.ok());
  const auto agent = bin->path() / "pegaflow-agent";
  ASSERT_TRUE(write_text_file(agent, "#!/bin/sh\necho no luck today\nexit 7\n").ok());
  std::filesystem::permissions(agent, std::filesystem::perms::owner_all);
  std::filesystem::create_symlink(PEGAFLOW_RENDEZVOUS, bin->path() / "pegaflow-rendezvous");
  const auto run = run_demo("--link mapped --bin-dir " + bin->path().string());
  EXPECT_EQ(run.exit_status, 1);
  EXPECT_THAT(run.err, HasSubstr("agent-prefill-0 ended: exit status 7"));
  EXPECT_THAT(run.err, HasSubstr("no luck today"));
}

TEST(DemoMapped, wrong_input_is_refused_before_anything_starts) {
  EXPECT_THAT(run_demo("--model no-such-model").err, HasSubstr("no-such-model.json"));
  EXPECT_THAT(run_demo("--requests 5000").err, HasSubstr("has only 100"));
  EXPECT_THAT(run_demo("--link mapped --pool-mib 1").err, HasSubstr("--pool-mib 1 holds"));
  EXPECT_EQ(run_demo("--model no-such-model").exit_status, 1);
  EXPECT_EQ(run_demo("--no-such-option").exit_status, 2);
}

TEST(DemoUcx, every_byte_arrives_over_tcp) {
  const auto run = run_demo("--link ucx");
  expect_all_finished(run, 1);
  EXPECT_EQ(run.parsed()["links"][0]["path"], "ucx");
  EXPECT_EQ(run.parsed()["links"][0]["transport"], "tcp");
}

TEST(DemoUcx, both_links_one_after_the_other) {
  const auto run = run_demo("--requests 3 --p-tp 2 --d-tp 2 --d-layout block-nhd");
  expect_all_finished(run, 2);
}

}  // namespace
}  // namespace pegaflow::demo
