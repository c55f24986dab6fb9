#include "pegaflow-demo/stats.h"

#include <gtest/gtest.h>

namespace pegaflow::demo {
namespace {

TEST(Stats, percentiles_are_values_that_occurred) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  const auto result = tools::percentiles_of(values);
  EXPECT_DOUBLE_EQ(result.p50, 50);
  EXPECT_DOUBLE_EQ(result.p90, 90);
  EXPECT_DOUBLE_EQ(result.p99, 99);
}

TEST(Stats, percentiles_of_few_values) {
  EXPECT_DOUBLE_EQ(tools::percentiles_of({}).p99, 0);
  EXPECT_DOUBLE_EQ(tools::percentiles_of({7}).p50, 7);
  EXPECT_DOUBLE_EQ(tools::percentiles_of({1, 2}).p50, 1);
  EXPECT_DOUBLE_EQ(tools::percentiles_of({1, 2}).p90, 2);
}

TEST(Stats, overlapping_time_counts_once) {
  EXPECT_EQ(covered_ns({}), 0u);
  EXPECT_EQ(covered_ns({{10, 20}, {15, 30}, {40, 50}}), 30u);
  EXPECT_EQ(covered_ns({{40, 50}, {10, 60}, {20, 30}}), 50u);
  EXPECT_EQ(covered_ns({{20, 10}}), 0u) << "a span that ends before it begins covers nothing";
}

Router finished_router() {
  std::vector<Arrival> arrivals(3);
  for (auto& arrival : arrivals) arrival.prompt = {10, 10, {1}};
  Router router({1, 1, 3}, std::move(arrivals));
  router.release(Nanos(0));
  for (std::uint32_t id = 0; id < 2; ++id) {
    const std::uint64_t start = 1'000'000 * (id + 1);
    router.on_report(Produced{id, 0, start, start + 400'000});
    Received received{id, 0, start + 1'000'000, {}};
    received.stats.bytes = 3'000'000;
    received.stats.gather = Nanos(10'000 * (id + 1));
    router.on_report(received);
    router.on_report(Verified{id, id == 1 ? 4u : 0u, ""});
    router.on_report(OfferEnded{id, EventKind::kDone, Reason::kNone, ""});
  }
  return router;
}

TEST(Stats, a_summary_counts_what_finished_with_the_right_bytes) {
  const auto summary = summarize(finished_router());
  EXPECT_EQ(summary.requests, 3u);
  EXPECT_EQ(summary.finished, 1u);  // 1 has wrong bytes, 2 never ended
  EXPECT_EQ(summary.mismatches, 1u);
  EXPECT_EQ(summary.bytes, 3'000'000u);
  EXPECT_DOUBLE_EQ(summary.busy_seconds, 0.001);
  EXPECT_DOUBLE_EQ(summary.gbps, 3);
  EXPECT_DOUBLE_EQ(summary.ready_to_done_us.p50, 1000);
  EXPECT_DOUBLE_EQ(summary.exposed_us.p99, 600);
  EXPECT_DOUBLE_EQ(summary.stages.gather_us, 10);
}

TEST(Stats, nothing_finished_means_zeros) {
  std::vector<Arrival> arrivals(1);
  arrivals[0].prompt = {10, 10, {1}};
  const auto summary = summarize(Router({1, 1, 1}, std::move(arrivals)));
  EXPECT_EQ(summary.requests, 1u);
  EXPECT_EQ(summary.finished, 0u);
  EXPECT_DOUBLE_EQ(summary.gbps, 0);
  EXPECT_DOUBLE_EQ(summary.exposed_us.p50, 0);
}

}  // namespace
}  // namespace pegaflow::demo
