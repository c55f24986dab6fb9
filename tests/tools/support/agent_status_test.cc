#include "support/agent_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pegaflow::tools {
namespace {

using testing::HasSubstr;

TEST(AgentStatus, finds_the_link_from_the_peer_among_others) {
  const auto link = parse_link_state(
      R"({"node": "d", "links": [
           {"peer": "p", "direction": "to", "state": "down", "path": "ucx", "transport": "rc"},
           {"peer": "p", "direction": "from", "state": "up", "path": "ucx", "transport": "tcp",
            "incarnation": 3}]})",
      "p");
  ASSERT_TRUE(link.ok()) << link.error().message();
  EXPECT_TRUE(link->up());
  EXPECT_EQ(link->path, "ucx");
  EXPECT_EQ(link->transport, "tcp");
}

TEST(AgentStatus, a_link_may_be_down) {
  const auto link = parse_link_state(
      R"({"links": [{"peer": "p", "direction": "from", "state": "connecting", "path": "direct",
                     "transport": "mapped"}]})",
      "p");
  ASSERT_TRUE(link.ok()) << link.error().message();
  EXPECT_FALSE(link->up());
  EXPECT_EQ(link->path, "direct");
}

TEST(AgentStatus, what_is_not_a_status_or_lacks_the_link_is_an_error_that_says_so) {
  EXPECT_FALSE(parse_link_state("<html>", "p").ok());
  EXPECT_THAT(parse_link_state(R"({"links": []})", "p").error().message(),
              HasSubstr("no link from p"));
  EXPECT_THAT(parse_link_state("{}", "p").error().message(), HasSubstr("/links"));
  EXPECT_THAT(
      parse_link_state(R"({"links": [{"peer": "p", "direction": "from", "state": 7}]})", "p")
          .error()
          .message(),
      HasSubstr("/links/0/state"));
}

}  // namespace
}  // namespace pegaflow::tools
