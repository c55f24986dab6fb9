#include "topology_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace pegaflow::ctl {
namespace {

using testing::HasSubstr;

std::string file_with(const std::string& text) {
  const std::string path = testing::TempDir() + "pegaflowctl-topology-check.json";
  std::ofstream(path) << text;
  return path;
}

std::string example() { return std::string(PEGAFLOW_CONFIG_DIR) + "/two_hosts.json"; }

TEST(TopologyCheck, a_fine_file_shows_its_hash) {
  const auto text = check_topology_file(example(), false);
  EXPECT_EQ(text.status, kExitOk);
  EXPECT_THAT(text.text, HasSubstr("two_hosts.json: fine; 2 nodes, 1 links, hash "));
  const auto json = check_topology_file(example(), true);
  EXPECT_EQ(json.status, kExitOk);
  EXPECT_THAT(json.text, HasSubstr("\"ok\":true"));
  EXPECT_THAT(json.text, HasSubstr("\"faults\":[]"));
}

TEST(TopologyCheck, every_fault_is_shown_with_pointer_and_kind) {
  const auto path = file_with(R"({"cluster": 1, "nodes": [], "links": []})");
  const auto text = check_topology_file(path, false);
  EXPECT_EQ(text.status, kExitUsage);
  EXPECT_THAT(text.text, HasSubstr("fault: /cluster: expected"));
  EXPECT_THAT(text.text, HasSubstr("fault: /nodes: expected"));
  const auto json = check_topology_file(path, true);
  EXPECT_EQ(json.status, kExitUsage);
  EXPECT_THAT(json.text, HasSubstr("\"kind\":\"form\""));
  EXPECT_THAT(json.text, HasSubstr("\"pointer\":\"/cluster\""));
  EXPECT_THAT(json.text, HasSubstr("\"hash\":null"));
}

TEST(TopologyCheck, a_missing_file_is_a_fault) {
  const auto outcome = check_topology_file("/nowhere/topology.json", false);
  EXPECT_EQ(outcome.status, kExitUsage);
  EXPECT_THAT(outcome.text, HasSubstr("/nowhere/topology.json: no such file"));
}

}  // namespace
}  // namespace pegaflow::ctl
