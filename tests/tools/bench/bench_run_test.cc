// pegaflow-bench from start to end, with tiny sizes. No time is judged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/process_group.h"
#include "support/temp_dir.h"
#include "support/text_file.h"

namespace pegaflow::tools {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Run {
  std::string ending;
  std::string log;
  std::vector<json> lines;
};

Run run_bench(std::vector<std::string> arguments) {
  constexpr int kDeadlineMs = 100'000;
  constexpr std::size_t kMaxLines = 1000;
  Run run;
  const auto dir = TempDir::create();
  EXPECT_TRUE(dir.ok());
  ProcessGroup group(dir->path());
  arguments.insert(arguments.begin(), PEGAFLOW_BENCH);
  EXPECT_TRUE(group.spawn({"bench", arguments}).ok());
  pollfd ended{group.children()[0].pidfd(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, kDeadlineMs), 1);
  if (group.ended() != nullptr) run.ending = group.children()[0].how_it_ended();
  run.log = tail_of_file(group.children()[0].log(), kMaxLines);
  std::istringstream in(run.log);
  for (std::string line; std::getline(in, line);) {
    auto parsed = json::parse(line, nullptr, false);
    if (parsed.is_object()) run.lines.push_back(std::move(parsed));
  }
  return run;
}

void expect_complete(const json& line) {
  for (const auto* key :
       {"engine", "version", "variant", "memory", "link", "transport", "page", "fragments", "bytes",
        "contiguous", "iterations", "total_us_p50", "total_us_p99", "target_us_p50",
        "target_us_p99", "gbps", "us_per_fragment", "verified", "machine"}) {
    EXPECT_TRUE(line.contains(key)) << key;
  }
  EXPECT_EQ(line["engine"], "pegaflow");
  EXPECT_EQ(line["verified"], true);
  EXPECT_EQ(line["bytes"], 262144);
  EXPECT_EQ(line["fragments"].get<int>() * line["page"].get<int>(), 262144);
  EXPECT_EQ(line["iterations"], 3);
  EXPECT_GT(line["target_us_p50"].get<double>(), 0);
  EXPECT_GE(line["target_us_p99"].get<double>(), line["target_us_p50"].get<double>());
}

TEST(BenchRun, every_link_and_size_gives_a_verified_line) {
  const auto run = run_bench({"--pages", "1024,65536", "--totals", "262144", "--iterations", "3",
                              "--warmup", "1", "--slot-bytes", "65536", "--slots", "8"});
  EXPECT_EQ(run.ending, "exit status 0") << run.log;
  ASSERT_EQ(run.lines.size(), 6u) << run.log;
  for (const auto& line : run.lines) expect_complete(line);
  EXPECT_EQ(run.lines[0]["variant"], "direct");
  EXPECT_EQ(run.lines[0]["link"], "mapped");
  EXPECT_EQ(run.lines[2]["variant"], "agent");
  EXPECT_EQ(run.lines[4]["link"], "ucx");
  EXPECT_EQ(run.lines[4]["transport"], "tcp");
  EXPECT_FALSE(run.lines[0].contains("target_us"));
}

TEST(BenchRun, samples_are_every_transfers_times) {
  const auto run = run_bench({"--links", "direct", "--pages", "4096", "--totals", "262144",
                              "--iterations", "3", "--samples"});
  ASSERT_EQ(run.lines.size(), 1u) << run.log;
  EXPECT_EQ(run.lines[0]["target_us"].size(), 3u);
  EXPECT_EQ(run.lines[0]["total_us"].size(), 3u);
}

TEST(BenchRun, agents_that_cannot_be_found_are_an_error_that_names_the_folder) {
  const auto run = run_bench({"--bin-dir", "/nonexistent"});
  EXPECT_EQ(run.ending, "exit status 1");
  EXPECT_THAT(run.log, HasSubstr("/nonexistent"));
}

}  // namespace
}  // namespace pegaflow::tools
