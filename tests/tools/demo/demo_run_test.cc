// The whole demo: real agents, real engines, small requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "support/process_group.h"
#include "support/temp_dir.h"
#include "support/text_file.h"

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
  const auto dir = tools::TempDir::create();
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
  run.err = tools::tail_of_file(err, 1000);
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
  const auto bin = tools::TempDir::create();
  ASSERT_TRUE(bin.ok());
  const auto agent = bin->path() / "pegaflow-agent";
  ASSERT_TRUE(tools::write_text_file(agent, "#!/bin/sh\necho no luck today\nexit 7\n").ok());
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

// A demo that would run for hours, and its processes.
class DemoInterrupted : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(dir_.ok());
    ASSERT_TRUE(
        group_
            .spawn({"demo",
                    {"/usr/bin/env", "TMPDIR=" + dir_->path().string(), PEGAFLOW_DEMO, "--model",
                     "gpt2", "--requests", "100", "--time-scale", "1000", "--link", "mapped"}})
            .ok());
    wait_until("both sides' engines run",
               [this] { return !process("engine-fd").empty() && decode_agent() != 0; });
  }

  // Pids of processes that belong to this demo and have `word` among their arguments. Engines
  // are known by their parent's folder in the environment.
  std::vector<pid_t> process(const std::string& word) const {
    std::vector<pid_t> pids;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const auto arguments = tools::read_text_file(entry.path() / "cmdline", 65'536);
      const auto environment = tools::read_text_file(entry.path() / "environ", 1 << 20);
      if (!arguments.ok() || !environment.ok()) continue;
      const bool ours = environment->find("TMPDIR=" + dir_->path().string()) != std::string::npos;
      if (ours && arguments->find(word) != std::string::npos) {
        pids.push_back(std::stoi(entry.path().filename()));
      }
    }
    return pids;
  }
  pid_t decode_agent() const {
    const auto pids = process("--name");
    for (const auto pid : pids) {
      const auto arguments =
          tools::read_text_file("/proc/" + std::to_string(pid) + "/cmdline", 65'536);
      if (arguments.ok() && arguments->find("decode-0") != std::string::npos) return pid;
    }
    return 0;
  }
  template <typename Condition>
  void wait_until(const char* what, Condition condition) {
    const auto deadline = SteadyClock().now() + std::chrono::seconds(40);
    while (!condition()) {
      ASSERT_LT(SteadyClock().now(), deadline) << what << "\n" << log();
      ::poll(nullptr, 0, 10);  // poll interval
    }
  }
  std::string log() const { return tools::tail_of_file(group_.children()[0].log(), 1000); }
  void expect_clean_end() {
    pollfd ended{group_.children()[0].pidfd(), POLLIN, 0};
    ASSERT_EQ(::poll(&ended, 1, 40'000), 1) << log();
    ASSERT_NE(group_.ended(), nullptr);
    EXPECT_EQ(group_.children()[0].how_it_ended(), "exit status 1") << log();
    wait_until("no process is left", [this] { return process("").empty(); });
    std::filesystem::remove(group_.children()[0].log());
    EXPECT_TRUE(std::filesystem::is_empty(dir_->path())) << "the demo left files behind";
  }

  Result<tools::TempDir> dir_ = tools::TempDir::create();
  tools::ProcessGroup group_{dir_->path()};
};

TEST_F(DemoInterrupted, ends_all_processes_and_cleans_up_when_asked_to_end) {
  ::kill(group_.children()[0].pid(), SIGTERM);
  wait_until("it says so", [this] { return log().find("interrupted") != std::string::npos; });
  expect_clean_end();
}

TEST_F(DemoInterrupted, names_an_agent_that_was_killed) {
  ::kill(decode_agent(), SIGKILL);
  wait_until("it says so", [this] {
    return log().find("agent-decode-0 ended: signal 9 (Killed)") != std::string::npos;
  });
  expect_clean_end();
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
