#include "probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_deployment.h"

namespace pegaflow::ctl {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class ProbeTest : public testing::Test {
 protected:
  Result<Outcome> probe(bool json = false, milliseconds patience = kTestDeadline) {
    return probe_link(deployment_.target(), "p", "d", patience, json);
  }
  FakeDeployment deployment_;
};

TEST_F(ProbeTest, shows_the_new_figures) {
  deployment_.d.status.bytes_per_second = 0;
  deployment_.d.status.round_trip_ns = 0;
  const auto outcome = probe(true);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message();
  EXPECT_EQ(outcome->status, kExitOk);
  EXPECT_THAT(outcome->text, HasSubstr("\"bytes_per_second\":1,"));
  EXPECT_THAT(outcome->text, HasSubstr("\"round_trip_ns\":1,"));
  EXPECT_THAT(probe(false)->text, HasSubstr("p     d   ucx   tcp"));
}

TEST_F(ProbeTest, says_of_the_regions_at_both_ends_whether_a_nic_could_register_them) {
  deployment_.d.status.gpu = true;
  const auto outcome = probe();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message();
  EXPECT_THAT(outcome->text, HasSubstr("p      r       host    host memory\n"));
  EXPECT_THAT(outcome->text, HasSubstr("d      r       cuda    exported\n"));
  EXPECT_THAT(probe(true)->text, HasSubstr("\"dmabuf\":true"));
}

TEST_F(ProbeTest, old_figures_are_not_passed_off_as_new) {
  deployment_.d.measures = false;
  EXPECT_EQ(probe(false, milliseconds(30)).error().code(), Code::kDeadlineExceeded);
}

TEST_F(ProbeTest, a_link_that_is_not_up_cannot_be_measured) {
  deployment_.d.status.state = "down";
  const auto outcome = probe();
  EXPECT_EQ(outcome.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(outcome.error().message(), HasSubstr("down: cut"));
}

TEST_F(ProbeTest, unknown_agents_and_links_are_named) {
  const auto target = deployment_.target();
  EXPECT_THAT(probe_link(target, "p", "x", kTestDeadline, false).error().message(),
              HasSubstr("\"x\""));
  EXPECT_THAT(probe_link(target, "x", "d", kTestDeadline, false).error().message(),
              HasSubstr("no link from \"x\""));
}

TEST_F(ProbeTest, a_silent_agent_is_unavailable) {
  deployment_.d.stop();
  EXPECT_EQ(probe().error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace pegaflow::ctl
