#include "status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_deployment.h"

namespace pegaflow::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

class StatusTest : public testing::Test {
 protected:
  void register_both() {
    deployment_.register_agent("p");
    deployment_.register_agent("d");
  }
  Outcome text() const { return show_status(deployment_.target(), false); }
  Outcome json() const { return show_status(deployment_.target(), true); }
  FakeDeployment deployment_;
};

TEST_F(StatusTest, a_healthy_deployment) {
  register_both();
  const auto outcome = text();
  EXPECT_EQ(outcome.status, kExitOk) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr(": answers\n"));
  EXPECT_THAT(outcome.text, HasSubstr("p      yes         yes    0.1.0"));
  EXPECT_THAT(outcome.text, HasSubstr("p     d   up     ucx   tcp        2.0 GB/s   4.2 µs"));
  EXPECT_THAT(outcome.text, HasSubstr("30 free\n"));
  EXPECT_THAT(outcome.text, Not(HasSubstr("COMPLAINT")));
  EXPECT_THAT(json().text, HasSubstr("\"healthy\":true"));
  EXPECT_THAT(json().text, HasSubstr("\"node\":\"d\""));
}

TEST_F(StatusTest, what_agents_hold_of_gpus_is_shown) {
  deployment_.d.status.gpu = true;
  register_both();
  const std::string shown = text().text;
  EXPECT_THAT(shown, HasSubstr("AGENT  GPU    REGIONS  CONTEXT\n"));
  EXPECT_THAT(shown, HasSubstr("d      GPU-1  128 MiB  500 MiB\n"));
  EXPECT_THAT(shown, HasSubstr("d      GPU-2  0 MiB    -\n"));
}

TEST_F(StatusTest, links_are_shown_once) {
  register_both();
  const std::string shown = text().text;
  const auto first = shown.find("2.0 GB/s");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(shown.find("2.0 GB/s", first + 1), std::string::npos) << shown;
}

TEST_F(StatusTest, unhealthy_agents_are_complained_about) {
  deployment_.d.status.ready = false;
  deployment_.d.status.state = "refused";
  deployment_.d.status.retired = 2;
  register_both();
  const auto outcome = text();
  EXPECT_EQ(outcome.status, kExitUnhealthy);
  EXPECT_THAT(outcome.text, HasSubstr("not ready: starting"));
  EXPECT_THAT(outcome.text, HasSubstr("link from p is refused: cut"));
  EXPECT_THAT(outcome.text, HasSubstr("region r has 2 retired slots"));
  EXPECT_THAT(json().text, HasSubstr("\"healthy\":false"));
}

TEST_F(StatusTest, an_unregistered_agent_is_unhealthy) {
  deployment_.register_agent("p");
  const auto outcome = text();
  EXPECT_EQ(outcome.status, kExitUnhealthy);
  EXPECT_THAT(outcome.text, HasSubstr("not registered"));
}

TEST_F(StatusTest, a_silent_agent_is_unreachable_and_the_others_are_shown) {
  register_both();
  deployment_.d.stop();
  const auto outcome = text();
  EXPECT_EQ(outcome.status, kExitUnreachable);
  EXPECT_THAT(outcome.text, HasSubstr("unreachable: GET http://" + deployment_.d.http()));
  // The link is still shown, as its sending end sees it.
  EXPECT_THAT(outcome.text, HasSubstr("p     d   up"));
  EXPECT_THAT(json().text, HasSubstr("\"reachable\":false"));
}

TEST_F(StatusTest, without_rendezvous_the_topologys_agents_are_asked) {
  deployment_.stop_rendezvous();
  const auto outcome = text();
  EXPECT_EQ(outcome.status, kExitUnreachable);
  EXPECT_THAT(outcome.text, HasSubstr("refused"));
  EXPECT_THAT(outcome.text, HasSubstr("30 free"));
}

TEST_F(StatusTest, a_rendezvous_alone_is_enough) {
  register_both();
  auto target = deployment_.target();
  target.topology.reset();
  EXPECT_EQ(show_status(target, false).status, kExitOk);
}

TEST(FindTarget, needs_a_topology_or_a_url) {
  EXPECT_EQ(find_target("", "").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(find_target("/nowhere.json", "").error().code(), Code::kNotFound);
  EXPECT_EQ(find_target("", "ftp://x").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(find_target("", "http://[::1]:80").value().rendezvous_url(), "http://[::1]:80");
  const std::string file = std::string(PEGAFLOW_CONFIG_DIR) + "/two_hosts.json";
  EXPECT_EQ(find_target(file, "").value().rendezvous_url(), "http://10.0.0.10:7600");
  EXPECT_EQ(find_target(file, "http://a:1").value().rendezvous_url(), "http://a:1");
}

}  // namespace
}  // namespace pegaflow::ctl
