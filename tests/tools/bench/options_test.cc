#include "pegaflow-bench/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pegaflow::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ParsedOptions parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "pegaflow-bench");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

std::vector<std::string> names_of(const BenchOptions& options) {
  std::vector<std::string> names;
  for (const auto& link : options.links) names.push_back(link.name);
  return names;
}

TEST(BenchOptions, defaults) {
  const auto parsed = parse({});
  ASSERT_FALSE(parsed.exit_status) << parsed.text;
  EXPECT_THAT(names_of(parsed.options), ElementsAre("direct", "agent", "ucx"));
  EXPECT_EQ(parsed.options.memory, MemoryKind::kHost);
  EXPECT_TRUE(parsed.options.integrity);
  EXPECT_FALSE(parsed.options.samples);
}

TEST(BenchOptions, every_option_arrives) {
  const auto parsed =
      parse({"--pages",     "256,4096", "--totals",     "65536", "--links",      "ucx,direct",
             "--transport", "cma",      "--integrity",  "false", "--slot-bytes", "65536",
             "--slots",     "9",        "--iterations", "3",     "--warmup",     "0",
             "--settle-us", "5",        "--seed",       "8",     "--memory",     "cuda",
             "--gpus",      "2,GPU-3",  "--staging",    "host",  "--window",     "7",
             "--samples",   "--poll",   "--bin-dir",    "/bin"});
  ASSERT_FALSE(parsed.exit_status) << parsed.text;
  const auto& options = parsed.options;
  EXPECT_THAT(options.pages, ElementsAre(256u, 4096u));
  EXPECT_THAT(options.totals, ElementsAre(65536u));
  EXPECT_THAT(names_of(options), ElementsAre("ucx", "direct"));
  EXPECT_EQ(options.transport, "cma");
  EXPECT_FALSE(options.integrity);
  EXPECT_EQ(options.slot_bytes, 65536u);
  EXPECT_EQ(options.slots, 9u);
  EXPECT_EQ(options.iterations, 3u);
  EXPECT_EQ(options.warmup, 0u);
  EXPECT_EQ(options.settle_us, 5u);
  EXPECT_EQ(options.seed, 8u);
  EXPECT_EQ(options.memory, MemoryKind::kCuda);
  EXPECT_THAT(options.gpus, ElementsAre("2", "GPU-3"));
  EXPECT_EQ(options.staging, MemoryKind::kHost);
  EXPECT_EQ(options.window, 7u);
  EXPECT_TRUE(options.samples);
  EXPECT_TRUE(options.poll);
  EXPECT_EQ(options.bin_dir, "/bin");
}

TEST(BenchOptions, wrong_values_end_with_status_2_and_name_the_option) {
  for (const auto& [option, value] : {std::pair{"--pages", "5000"},
                                      {"--links", "smoke"},
                                      {"--memory", "tape"},
                                      {"--memory", "1"},
                                      {"--staging", "tape"},
                                      {"--iterations", "0"}}) {
    const auto parsed = parse({option, value});
    EXPECT_EQ(parsed.exit_status, 2) << option;
    EXPECT_THAT(parsed.text, HasSubstr(option));
  }
}

TEST(BenchOptions, help_is_whole_and_plain_text) {
  const auto parsed = parse({"--help"});
  EXPECT_EQ(parsed.exit_status, 0);
  for (const char* option : {"--pages", "--memory", "--staging", "--bin-dir"}) {
    EXPECT_THAT(parsed.text, HasSubstr(option));
  }
  for (const char c : parsed.text) EXPECT_TRUE(c == '\n' || c >= ' ') << static_cast<int>(c);
}

}  // namespace
}  // namespace pegaflow::bench
