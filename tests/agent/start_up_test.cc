#include "agent/start_up.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "agent/link/terms.h"
#include "support/side.h"

namespace pegaflow::agent {
namespace {

class StartUpTest : public ::testing::Test {
 protected:
  TempDir dir;
  // A GPU that no machine has.
  void add_gpu(topology::Node& node) const { node.gpus.push_back({0, kNoGpu, {}}); }
  static void put_on_gpu(topology::Node& node) {
    node.regions[0].memory = MemoryKind::kCuda;
    node.regions[0].gpu = 0;
  }
  static constexpr const char* kNoGpu = "GPU-00000000-dead-beef-0000-000000000000";

  topology::Topology topology = two_nodes(dir, topology::LinkPath::kAuto);
  Devices devices = Devices::open(topology, topology.nodes[0]).value();
};

TEST_F(StartUpTest, unknown_node_is_told_which_there_are) {
  EXPECT_EQ(find_node(topology, "d").value()->name, "d");
  const auto unknown = find_node(topology, "x");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().message(), "the topology has no node \"x\"; it has p, d");
}

TEST_F(StartUpTest, second_agent_of_a_node_is_refused_while_the_first_lives) {
  const auto first = take_over_socket(dir.path() + "/a.sock", Millis(0));
  ASSERT_TRUE(first.ok());
  const auto second = take_over_socket(dir.path() + "/a.sock", Millis(10));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::kAlreadyExists);
  EXPECT_NE(second.error().message().find("did not end within 10 ms"), std::string::npos);
}

TEST_F(StartUpTest, successor_waits_for_its_predecessors_end) {
  const std::string path = dir.path() + "/a.sock";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = take_over_socket(path, Millis(0));
    (void)!::write(ready[1], "x", 1);
    ::pause();
    ::_exit(held.ok() ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  // A second child ends the first while this process waits.
  const pid_t killer = ::fork();
  if (killer == 0) {
    ::kill(child, SIGKILL);
    ::_exit(0);
  }
  EXPECT_TRUE(take_over_socket(path, Millis(20'000)).ok());
  ::waitpid(child, nullptr, 0);
  ::waitpid(killer, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(StartUpTest, epoch_is_left_for_the_successor) {
  const std::string path = dir.path() + "/a.sock";
  EXPECT_EQ(exchange_epoch(path, AgentEpoch{0xabc}).value(), std::nullopt);
  EXPECT_EQ(exchange_epoch(path, AgentEpoch{0xdef}).value(), AgentEpoch{0xabc});
  EXPECT_FALSE(exchange_epoch(dir.path() + "/no/such/folder", AgentEpoch{1}).ok());
}

TEST_F(StartUpTest, memory_that_is_not_there_is_an_error_that_names_the_region) {
  topology.nodes[0].regions[0].slot_bytes = std::uint64_t{1} << 30;
  topology.nodes[0].regions[0].slot_count = 1U << 16;  // 64 TiB
  const auto regions = create_regions(topology.nodes[0], devices);
  ASSERT_FALSE(regions.ok());
  EXPECT_NE(regions.error().message().find("region staging"), std::string::npos);
}

TEST_F(StartUpTest, a_gpu_that_is_not_there_is_an_error_that_names_region_and_gpu) {
  add_gpu(topology.nodes[1]);
  put_on_gpu(topology.nodes[1]);
  const auto opened = Devices::open(topology, topology.nodes[1]);
  ASSERT_FALSE(opened.ok());
  const std::string& text = opened.error().message();
  EXPECT_NE(text.find("region staging"), std::string::npos) << text;
  EXPECT_NE(text.find("GPU"), std::string::npos) << text;
}

TEST_F(StartUpTest, an_agent_that_copies_into_gpu_memory_needs_a_gpu) {
  add_gpu(topology.nodes[1]);
  put_on_gpu(topology.nodes[1]);
  const auto opened = Devices::open(topology, topology.nodes[0]);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kInvalidArgument);
  EXPECT_NE(opened.error().message().find("list one in the node's gpus"), std::string::npos);
}

TEST_F(StartUpTest, an_engine_goes_the_direct_way_only_to_gpus_that_it_reaches) {
  add_gpu(topology.nodes[1]);
  put_on_gpu(topology.nodes[1]);
  const LinkTerms terms = links_of(topology, topology.nodes[0]).at(0);
  EXPECT_EQ(terms.path_for({"GPU-other", kNoGpu}), DataPath::kDirect);
  EXPECT_EQ(terms.path_for({"GPU-other"}), DataPath::kAgent);
  EXPECT_EQ(terms.path_for({}), DataPath::kAgent);
}

TEST_F(StartUpTest, a_way_that_the_topology_demands_is_not_exchanged_for_another) {
  topology = two_nodes(dir, topology::LinkPath::kDirect);
  add_gpu(topology.nodes[1]);
  put_on_gpu(topology.nodes[1]);
  const LinkTerms terms = links_of(topology, topology.nodes[0]).at(0);
  EXPECT_EQ(terms.path_for({kNoGpu}), DataPath::kDirect);
  EXPECT_EQ(terms.path_for({}), std::nullopt);
}

TEST_F(StartUpTest, host_memory_is_within_every_engines_reach) {
  EXPECT_EQ(links_of(topology, topology.nodes[0]).at(0).path_for({}), DataPath::kDirect);
}

TEST_F(StartUpTest, every_segment_has_room_in_the_transports_registrations) {
  const auto regions = create_regions(topology.nodes[0], devices);
  ASSERT_TRUE(regions.ok());
  EXPECT_EQ(context_config(topology.nodes[0], *regions).max_registrations, 2U);
}

}  // namespace
}  // namespace pegaflow::agent
