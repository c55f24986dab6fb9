#include "support/topology_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "topology/parse.h"

namespace pegaflow::tools {
namespace {

const PairPorts kPorts{20001, 20002, 20003, 20004, 20005};

topology::Topology parsed(const PairOptions& options) {
  auto topology = topology::parse_topology(pair_topology(options, kPorts, "/tmp/pair"));
  EXPECT_TRUE(topology.ok()) << topology.error().message();
  return topology.ok() ? *topology : topology::Topology{};
}

TEST(TopologyFile, by_default_the_mapped_link_is_mapped_and_without_warnings) {
  const auto topology = parsed({});
  ASSERT_EQ(topology.links.size(), 1u);
  EXPECT_TRUE(topology.is_mapped(topology.links[0]));
  EXPECT_TRUE(topology.links[0].integrity);
  EXPECT_THAT(topology.warnings, testing::IsEmpty());
}

TEST(TopologyFile, the_ucx_link_allows_only_the_asked_transport) {
  PairOptions options;
  options.kind = LinkKind::kUcx;
  options.transport = "cma";
  const auto topology = parsed(options);
  EXPECT_FALSE(topology.is_mapped(topology.links[0]));
  EXPECT_THAT(topology.links[0].transports, testing::ElementsAre("cma"));
  EXPECT_EQ(topology.node(kConsumerNode)->ucx.tls, "tcp,cma");
  EXPECT_EQ(parsed({.kind = LinkKind::kUcx}).node(kConsumerNode)->ucx.tls, "tcp");
}

TEST(TopologyFile, options_reach_the_link_and_the_regions) {
  PairOptions options;
  options.mapped_path = "agent";
  options.integrity = false;
  options.slot_bytes = 65536;
  options.slots = 6;
  const auto topology = parsed(options);
  EXPECT_EQ(topology.links[0].path, topology::LinkPath::kAgent);
  EXPECT_FALSE(topology.links[0].integrity);
  EXPECT_EQ(topology.links[0].chunk_bytes, 65536u);
  EXPECT_EQ(topology.links[0].window, 2u);
  EXPECT_EQ(topology.node(kProducerNode)->regions[0].bytes(), 6u * 65536);
}

TEST(TopologyFile, gpus_and_their_slots_reach_the_nodes) {
  PairOptions options;
  options.gpus = {"GPU-a", "GPU-b"};
  options.window = 9;
  EXPECT_EQ(parsed(options).node(kConsumerNode)->regions[0].memory, MemoryKind::kHost);
  options.cuda_slots = true;
  const auto topology = parsed(options);
  EXPECT_EQ(topology.links[0].window, 9u);
  EXPECT_EQ(topology.node(kProducerNode)->gpus[0].uuid, "GPU-a");
  EXPECT_EQ(topology.node(kConsumerNode)->gpus[0].uuid, "GPU-b");
  EXPECT_EQ(topology.node(kConsumerNode)->regions[0].memory, MemoryKind::kCuda);
}

TEST(TopologyFile, ports_found_are_different_and_below_the_ephemeral_range) {
  const auto ports = find_ports();
  ASSERT_TRUE(ports.ok()) << ports.error().message();
  const std::vector<std::uint16_t> all = {ports->rendezvous, ports->producer_control,
                                          ports->producer_http, ports->consumer_control,
                                          ports->consumer_http};
  EXPECT_THAT(all, testing::Each(testing::AllOf(testing::Ge(20'000), testing::Le(32'000))));
  for (const auto port : all) EXPECT_EQ(std::count(all.begin(), all.end(), port), 1);
}

}  // namespace
}  // namespace pegaflow::tools
