#include "pegaflow-demo/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace pegaflow::demo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ParsedOptions parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "pegaflow-demo");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

std::string refusal(const std::vector<const char*>& arguments) {
  const auto parsed = parse(arguments);
  return parsed.exit_status == 2 ? parsed.text : "accepted";
}

TEST(Options, by_default_both_links_run_between_different_layouts) {
  const auto parsed = parse({});
  ASSERT_FALSE(parsed.exit_status) << parsed.text;
  const auto& options = parsed.options;
  EXPECT_THAT(options.links, ElementsAre(tools::LinkKind::kMapped, tools::LinkKind::kUcx));
  EXPECT_NE(options.producer.layout, options.consumer.layout);
  EXPECT_NE(options.producer.block_tokens, options.consumer.block_tokens);
  EXPECT_NE(options.producer.tp, options.consumer.tp);
  EXPECT_EQ(options.mapped_path, "auto");
  EXPECT_TRUE(options.integrity);
}

TEST(Options, each_option_reaches_its_value) {
  const auto parsed =
      parse({"--model",       "gpt2",   "--token-scale", "4",      "--requests",   "7",
             "--p-tp",        "4",      "--d-tp",        "2",      "--p-layout",   "block-first",
             "--d-layout",    "hnd",    "--p-block",     "8",      "--d-block",    "64",
             "--link",        "mapped", "--path",        "agent",  "--transport",  "posix",
             "--concurrency", "9",      "--integrity",   "off",    "--push",       "request",
             "--time-scale",  "0.25",   "--slot-bytes",  "65536",  "--slots",      "12",
             "--bin-dir",     "/opt",   "--json",        "--keep", "--corrupt",    "6",
             "--seed",        "5",      "--pool-mib",    "100",    "--compute-ns", "0",
             "--memory",      "cuda",   "--gpus",        "GPU-x,3"});
  ASSERT_FALSE(parsed.exit_status) << parsed.text;
  const auto& options = parsed.options;
  EXPECT_EQ(options.model, "gpt2");
  EXPECT_EQ(options.token_scale, 4u);
  EXPECT_EQ(options.requests, 7u);
  EXPECT_EQ(options.producer.tp, 4u);
  EXPECT_EQ(options.consumer.tp, 2u);
  EXPECT_EQ(options.producer.layout, "block-first");
  EXPECT_EQ(options.consumer.layout, "hnd");
  EXPECT_EQ(options.producer.block_tokens, 8u);
  EXPECT_EQ(options.consumer.block_tokens, 64u);
  EXPECT_THAT(options.links, ElementsAre(tools::LinkKind::kMapped));
  EXPECT_EQ(options.mapped_path, "agent");
  EXPECT_EQ(options.transport, "posix");
  EXPECT_EQ(options.concurrency, 9u);
  EXPECT_EQ(options.memory, MemoryKind::kCuda);
  EXPECT_THAT(options.gpus, ElementsAre("GPU-x", "3"));
  EXPECT_FALSE(options.integrity);
  EXPECT_EQ(options.push, Push::kRequest);
  EXPECT_DOUBLE_EQ(options.time_scale, 0.25);
  EXPECT_EQ(options.slot_bytes, 65536u);
  EXPECT_EQ(options.slots, 12u);
  EXPECT_EQ(options.bin_dir, "/opt");
  EXPECT_TRUE(options.json);
  EXPECT_TRUE(options.keep);
  EXPECT_EQ(options.corrupt, 6u);
  EXPECT_EQ(options.seed, 5u);
  EXPECT_EQ(options.pool_mib, 100u);
  EXPECT_EQ(options.compute_ns, 0u);
}

TEST(Options, a_repeated_option_counts_as_last_given) {
  EXPECT_EQ(parse({"--requests", "5", "--requests", "6"}).options.requests, 6u);
}

TEST(Options, path_ucx_means_the_ucx_link) {
  EXPECT_THAT(parse({"--path", "ucx"}).options.links, ElementsAre(tools::LinkKind::kUcx));
}

TEST(Options, contradictions_and_impossible_values_are_refused_with_their_name) {
  EXPECT_THAT(refusal({"--link", "mapped", "--path", "ucx"}), HasSubstr("--path"));
  EXPECT_THAT(refusal({"--link", "ucx", "--path", "direct"}), HasSubstr("--path"));
  EXPECT_THAT(refusal({"--slot-bytes", "5000"}), HasSubstr("--slot-bytes"));
  EXPECT_THAT(refusal({"--requests", "5", "--corrupt", "5"}), HasSubstr("--corrupt"));
  EXPECT_THAT(refusal({"--p-layout", "zigzag"}), HasSubstr("--p-layout"));
  EXPECT_THAT(refusal({"--token-scale", "3"}), HasSubstr("--token-scale"));
  EXPECT_THAT(refusal({"--requests", "0"}), HasSubstr("--requests"));
  EXPECT_THAT(refusal({"--speed", "9"}), HasSubstr("--speed"));
}

TEST(Options, help_ends_well_and_does_not_show_the_internal_option) {
  const auto parsed = parse({"--help"});
  EXPECT_EQ(parsed.exit_status, 0);
  EXPECT_THAT(parsed.text, HasSubstr("--token-scale"));
  EXPECT_THAT(parsed.text, testing::Not(HasSubstr("engine-fd")));
}

}  // namespace
}  // namespace pegaflow::demo
