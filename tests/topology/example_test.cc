// The example files in config/ are right, and mean what config/README.md says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "topology/parse.h"

namespace pegaflow::topology {
namespace {

Topology load(const std::string& name) {
  auto topology = load_topology(std::string(PEGAFLOW_CONFIG_DIR) + '/' + name);
  EXPECT_TRUE(topology.ok()) << topology.error().message();
  return topology.ok() ? std::move(topology).value() : Topology{};
}

class Example : public testing::TestWithParam<const char*> {};

TEST_P(Example, parses_without_warnings) {
  const auto topology = load(GetParam());
  EXPECT_EQ(topology.nodes.size(), 2U);
  EXPECT_EQ(topology.hash.size(), 64U);
  EXPECT_THAT(topology.warnings, testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Config, Example,
                         testing::Values("one_host.json", "one_host_ucx.json", "one_host_gpu.json",
                                         "two_hosts.json"));

TEST(Example, one_host_is_mapped_and_its_ucx_variant_is_not) {
  const auto mapped = load("one_host.json");
  EXPECT_TRUE(mapped.is_mapped(mapped.links.at(0)));
  const auto ucx = load("one_host_ucx.json");
  EXPECT_FALSE(ucx.is_mapped(ucx.links.at(0)));
  EXPECT_NE(mapped.hash, ucx.hash);
}

TEST(Example, two_hosts_refuse_tcp_for_data) {
  const auto topology = load("two_hosts.json");
  const auto* link = topology.link("prefill-0", "decode-0");
  ASSERT_NE(link, nullptr);
  EXPECT_FALSE(topology.is_mapped(*link));
  EXPECT_THAT(link->transports, testing::ElementsAre("rc_mlx5", "rc_verbs"));
  EXPECT_THAT(topology.nodes[0].ucx.settings,
              testing::Contains(testing::Pair("RNDV_THRESH", "inf")));
  EXPECT_EQ(topology.nodes[1].gpus.at(1).nics, std::vector<std::string>{"mlx5_1"});
  EXPECT_EQ(topology.limits.max_sessions, 64U);
  EXPECT_EQ(topology.limits.max_pools, Limits{}.max_pools);
}

}  // namespace
}  // namespace pegaflow::topology
