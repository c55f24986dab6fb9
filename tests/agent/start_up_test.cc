#include "agent/start_up.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "support/side.h"

namespace pegaflow::agent {
namespace {

class StartUpTest : public ::testing::Test {
 protected:
  TempDir dir;
  topology::Topology topology = two_nodes(dir, topology::LinkPath::kAuto);
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
  const auto regions = create_regions(topology.nodes[0]);
  ASSERT_FALSE(regions.ok());
  EXPECT_NE(regions.error().message().find("region staging"), std::string::npos);
}

TEST_F(StartUpTest, every_segment_has_room_in_the_transports_registrations) {
  const auto regions = create_regions(topology.nodes[0]);
  ASSERT_TRUE(regions.ok());
  EXPECT_EQ(context_config(topology.nodes[0], *regions).max_registrations, 2U);
}

}  // namespace
}  // namespace pegaflow::agent
