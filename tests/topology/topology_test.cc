#include "topology/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "topology/parse.h"

namespace pegaflow::topology {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kSmall = R"({
  "cluster": "c", "rendezvous": "http://rendezvous.local:80",
  "nodes": [
    {"name": "p", "host": "h", "role": "both", "control": "[fd00::1]:7001", "http": "10.0.0.1:7002",
     "socket": "/run/p.sock", "ucx": {"tls": "tcp", "settings": {"B": "2", "A": "1"}},
     "regions": [{"name": "r", "memory": "host", "slot_bytes": 4096, "slot_count": 40}]},
    {"name": "d", "host": "h", "role": "decode", "control": "10.0.0.1:7003",
     "http": "10.0.0.1:7004", "socket": "/run/d.sock", "ucx": {"tls": "tcp"},
     "regions": [{"name": "r", "memory": "host", "slot_bytes": 8192, "slot_count": 24}]}],
  "links": [{"from": "p", "to": "d", "window": 8, "chunk_bytes": 4096, "integrity": false}],
  "deadlines": {"compute_ms": 0, "progress_ms": 70}, "limits": {"max_streams": 3}
})";

TEST(Topology, every_key_arrives) {
  const auto topology = parse_topology(kSmall).value();
  EXPECT_EQ(topology.rendezvous.text(), "http://rendezvous.local:80");
  const Node& p = *topology.node("p");
  EXPECT_EQ(p.control.text(), "[fd00::1]:7001");
  EXPECT_EQ(p.control.ip, "fd00::1");
  EXPECT_EQ(p.role, Role::kBoth);
  EXPECT_EQ(p.region("r")->bytes(), 40U * 4096U);
  EXPECT_EQ(p.region("s"), nullptr);
  EXPECT_THAT(p.ucx.settings,
              testing::ElementsAre(testing::Pair("A", "1"), testing::Pair("B", "2")));
  const LinkSpec& link = *topology.link("p", "d");
  EXPECT_EQ(link.window, 8U);
  EXPECT_FALSE(link.integrity);
  EXPECT_EQ(topology.deadlines.progress, milliseconds(70));
  EXPECT_EQ(topology.deadlines.scatter, Deadlines{}.scatter);
  EXPECT_EQ(topology.limits.max_streams, 3U);
  EXPECT_TRUE(topology.warnings.empty()) << topology.warnings[0];
}

TEST(Topology, lookups_of_unknown_names_find_nothing) {
  const auto topology = parse_topology(kSmall).value();
  EXPECT_EQ(topology.node("x"), nullptr);
  EXPECT_EQ(topology.link("d", "p"), nullptr);
  EXPECT_TRUE(topology.links_of("x").empty());
  EXPECT_EQ(topology.links_of("d").size(), 1U);
}

TEST(Topology, hash_ignores_spaces_and_key_order_only) {
  const auto base = parse_topology(kSmall).value();
  std::string spaced(kSmall);
  for (std::size_t at = 0; (at = spaced.find(", \"", at)) != std::string::npos; at += 4) {
    spaced.replace(at, 3, ",\n \"");
  }
  EXPECT_EQ(parse_topology(spaced).value().hash, base.hash);
  std::string reordered(kSmall);
  const std::string_view from = R"("cluster": "c", "rendezvous": "http://rendezvous.local:80")";
  const std::string_view to = R"("rendezvous": "http://rendezvous.local:80", "cluster": "c")";
  reordered.replace(reordered.find(from), from.size(), to);
  EXPECT_EQ(parse_topology(reordered).value().hash, base.hash);
  std::string changed(kSmall);
  changed.replace(changed.find("\"window\": 8"), 11, "\"window\": 7");
  EXPECT_NE(parse_topology(changed).value().hash, base.hash);
}

TEST(Topology, too_few_slots_are_a_warning_with_a_pointer) {
  std::string text(kSmall);
  text.replace(text.find("\"slot_count\": 24"), 16, "\"slot_count\": 23");
  const auto topology = parse_topology(text).value();
  EXPECT_THAT(topology.warnings, testing::ElementsAre(testing::AllOf(
                                     testing::StartsWith("/links/0/window: "),
                                     testing::HasSubstr("wants 24"), testing::HasSubstr("\"d\""))));
}

TEST(Topology, nodes_without_links_and_impatient_keepalive_are_warnings) {
  std::string text(kSmall);
  text.replace(text.find("\"links\""), text.find("\"deadlines\"") - text.find("\"links\""),
               "\"links\": [], ");
  text.replace(text.find("\"compute_ms\": 0"), 15, "\"dead_after_ms\": 1000");
  EXPECT_THAT(parse_topology(text).value().warnings,
              testing::UnorderedElementsAre(testing::StartsWith("/nodes/0: "),
                                            testing::StartsWith("/nodes/1: "),
                                            testing::StartsWith("/deadlines/dead_after_ms: ")));
}

TEST(Topology, file_faults_name_the_path) {
  const std::string path = testing::TempDir() + "pegaflow-topology-test.json";
  EXPECT_EQ(load_topology(path + ".none").error().code(), Code::kNotFound);
  std::ofstream(path) << R"({"cluster": 1})";
  const auto error = load_topology(path).error();
  EXPECT_THAT(error.message(), testing::StartsWith(path + ": "));
  EXPECT_EQ(error.code(), Code::kInvalidArgument);
}

TEST(Topology, names_of_values_are_those_of_the_file) {
  EXPECT_EQ(to_string(Role::kPrefill), "prefill");
  EXPECT_EQ(to_string(LinkPath::kDirect), "direct");
  EXPECT_EQ(to_string(MemoryKind::kCuda), "cuda");
}

}  // namespace
}  // namespace pegaflow::topology
