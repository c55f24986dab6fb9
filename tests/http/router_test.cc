#include "http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pegaflow::http {
namespace {

using testing::ElementsAre;
using testing::Pair;

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    for (const char* method : {"GET", "PUT"}) {
      router_.add(method, "/v1/agents/{name}", [](const Request&) { return Response{}; });
    }
    router_.add("POST", "/v1/agents/{name}/heartbeat", [](const Request&) { return Response{}; });
  }
  Router router_;
};

TEST_F(RouterTest, parameters_take_one_segment) {
  const auto match = router_.find("PUT", {"v1", "agents", "a/b"});
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.route->method, "PUT");
  EXPECT_THAT(match.parameters, ElementsAre(Pair("name", "a/b")));
}

TEST_F(RouterTest, get_answers_head) {
  EXPECT_NE(router_.find("HEAD", {"v1", "agents", "a"}).route, nullptr);
  EXPECT_EQ(router_.find("HEAD", {"v1", "agents", "a", "heartbeat"}).route, nullptr);
}

TEST_F(RouterTest, other_methods_are_told_what_is_allowed) {
  const auto match = router_.find("DELETE", {"v1", "agents", "a"});
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allowed, "GET, PUT");
}

TEST_F(RouterTest, other_paths_match_nothing) {
  for (const std::vector<std::string>& path : {std::vector<std::string>{""},
                                               {"v1", "agents", ""},
                                               {"v1", "agents"},
                                               {"v1", "agents", "a", ""},
                                               {"v2", "agents", "a"}}) {
    const auto match = router_.find("GET", path);
    EXPECT_EQ(match.route, nullptr);
    EXPECT_EQ(match.allowed, "");
  }
}

}  // namespace
}  // namespace pegaflow::http
