// What config/topology.schema.json gives as defaults is what a file without the keys gets.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "topology/parse.h"

namespace pegaflow::topology {
namespace {

using nlohmann::json;

json from_config(const std::string& name) {
  return json::parse(read_topology_file(std::string(PEGAFLOW_CONFIG_DIR) + '/' + name).value());
}

// The example with every optional key of deadlines, limits and its link set to the default.
json spelled_out(json document) {
  const json schema = from_config("topology.schema.json")["$defs"];
  for (const char* part : {"deadlines", "limits"}) {
    for (const auto& [key, rule] : schema[part]["properties"].items()) {
      document[part][key] = rule["default"];
    }
  }
  for (const char* key : {"path", "integrity"}) {
    document["links"][0][key] = schema["link"]["properties"][key]["default"];
  }
  return document;
}

TEST(SchemaDefaults, are_the_ones_used) {
  const json example = from_config("one_host.json");
  const auto absent = parse_topology(example.dump()).value();
  const auto given = parse_topology(spelled_out(example).dump());
  ASSERT_TRUE(given.ok()) << given.error().message();
  EXPECT_EQ(absent.deadlines, given->deadlines);
  EXPECT_EQ(absent.limits, given->limits);
  EXPECT_EQ(absent.links[0].path, given->links[0].path);
  EXPECT_EQ(absent.links[0].integrity, given->links[0].integrity);
}

}  // namespace
}  // namespace pegaflow::topology
