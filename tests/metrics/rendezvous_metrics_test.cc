#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/registry.h"

namespace pegaflow::metrics {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

TEST(RendezvousMetrics, events_become_series) {
  RendezvousMetrics metrics({"pegaflow-rendezvous", "1.2.3", ""});
  metrics.agents(3);
  metrics.lease_expired();
  metrics.poller_came();
  metrics.poller_came();
  metrics.poller_left();
  metrics.request("GET", "/v1/agents", 200, milliseconds(3));
  metrics.request("GET", "/v1/agents", 200, milliseconds(3));
  metrics.request("GET", "", 404, milliseconds(3));
  const std::string text = metrics.prometheus_text();
  EXPECT_THAT(text, HasSubstr("version=\"1.2.3\""));
  EXPECT_THAT(text, HasSubstr("pegaflow_rendezvous_agents 3"));
  EXPECT_THAT(text, HasSubstr("pegaflow_rendezvous_leases_expired_total 1"));
  EXPECT_THAT(text, HasSubstr("pegaflow_rendezvous_pollers 1"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(pegaflow_rendezvous_requests_total{method="GET",route="/v1/agents",status="200"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(le="0.005"} 2)"));
}

}  // namespace
}  // namespace pegaflow::metrics
