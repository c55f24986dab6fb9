// docs/METRICS.md says of every metric what the code says, and of no other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "metrics/registry.h"

namespace pegaflow::metrics {
namespace {

using std::chrono::milliseconds;

std::string row(const FamilyInfo& family) {
  std::string labels;
  for (const auto& label : family.labels) labels += (labels.empty() ? "" : ", ") + label;
  if (!labels.empty()) labels += ' ';
  return "| `" + family.name + "` | " + family.type + " | " + labels + "| " + family.help + " |";
}

// The table rows below "## `heading`".
std::vector<std::string> documented(const std::string& heading) {
  std::ifstream page(std::string(PEGAFLOW_DOCS_DIR) + "/METRICS.md");
  std::vector<std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) inside = line == "## " + heading;
    if (inside && line.starts_with("| `")) rows.push_back(line);
  }
  return rows;
}

std::vector<std::string> rows(const std::vector<FamilyInfo>& families) {
  std::vector<std::string> rows;
  for (const auto& family : families) rows.push_back(row(family));
  return rows;
}

TEST(Documented, agent_metrics) {
  AgentMetrics metrics({{"pegaflow-agent", "1", "n"}, {"PING"}, {"stalled"}});
  metrics.link("peer", Direction::kTo).link_up("tcp");
  (void)metrics.region("staging");
  EXPECT_THAT(documented("Agent"), testing::UnorderedElementsAreArray(rows(metrics.families())));
}

TEST(Documented, rendezvous_metrics) {
  RendezvousMetrics metrics({"pegaflow-rendezvous", "1", ""});
  metrics.request("GET", "/healthz", 200, milliseconds(1));
  EXPECT_THAT(documented("Rendezvous"),
              testing::UnorderedElementsAreArray(rows(metrics.families())));
}

}  // namespace
}  // namespace pegaflow::metrics
