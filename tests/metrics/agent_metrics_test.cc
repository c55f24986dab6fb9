#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "metrics/registry.h"

namespace pegaflow::metrics {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::HasSubstr;

RegistryConfig config() {
  return {{"pegaflow-agent", "0.1.0", "decode-0"},
          {"", "PING", "PONG"},
          {"", "source_stalled", "checksum"}};
}

class AgentMetricsTest : public testing::Test {
 protected:
  std::string text() const { return metrics_.prometheus_text(); }
  AgentMetrics metrics_{config()};
  LinkProbe& link_ = metrics_.link("prefill-0", Direction::kFrom);
};

TEST_F(AgentMetricsTest, same_arguments_give_the_same_handle) {
  EXPECT_EQ(&metrics_.link("prefill-0", Direction::kFrom), &link_);
  EXPECT_NE(&metrics_.link("prefill-0", Direction::kTo), &link_);
  EXPECT_EQ(&metrics_.region("a"), &metrics_.region("a"));
}

TEST_F(AgentMetricsTest, chunks_count_with_bytes_and_wire_time) {
  link_.chunk_sent(4096, microseconds(30));
  link_.chunk_sent(4096, milliseconds(30));
  link_.chunk_received(100);
  link_.chunk_dropped();
  link_.checksum_failed();
  EXPECT_THAT(text(),
              HasSubstr("pegaflow_sent_bytes_total{direction=\"from\",peer=\"prefill-0\"} 8192"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_received_bytes_total{direction=\"from\",peer=\"prefill-"
                                "0\"} 100"));
  EXPECT_THAT(text(), HasSubstr("stage=\"wire\",le=\"5e-05\"} 1"));
  EXPECT_THAT(text(), HasSubstr("stage=\"wire\",le=\"0.05\"} 2"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_chunks_dropped_total{direction=\"from\",peer=\"prefill-"
                                "0\"} 1"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_checksum_failures_total{direction=\"from\",peer="
                                "\"prefill-0\"} 1"));
}

TEST_F(AgentMetricsTest, failed_streams_count_by_reason_and_others_do_not) {
  for (int i = 0; i < 4; ++i) link_.stream_started();
  link_.stream_ended(Outcome::kFailed, 2);
  link_.stream_ended(Outcome::kRefused, 99);
  link_.stream_ended(Outcome::kDone, 1);
  const std::string all = text();
  EXPECT_THAT(all, HasSubstr("pegaflow_streams_active{direction=\"from\",peer=\"prefill-0\"} 1"));
  EXPECT_THAT(all, HasSubstr("peer=\"prefill-0\",reason=\"checksum\"} 1"));
  EXPECT_THAT(all, HasSubstr("peer=\"prefill-0\",reason=\"other\"} 1"));
  EXPECT_THAT(all, HasSubstr("peer=\"prefill-0\",reason=\"source_stalled\"} 0"));
  EXPECT_THAT(all, HasSubstr("outcome=\"done\",peer=\"prefill-0\"} 1"));
}

TEST_F(AgentMetricsTest, messages_count_by_type_over_all_links) {
  link_.message_out(1, 64);
  metrics_.link("prefill-1", Direction::kFrom).message_out(1, 36);
  link_.message_in(200, 10);
  link_.message_in(0, 10);
  EXPECT_THAT(text(), HasSubstr("pegaflow_messages_total{type=\"PING\",way=\"out\"} 2"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_messages_total{type=\"other\",way=\"in\"} 2"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_message_bytes_total{way=\"out\"} 100"));
}

TEST_F(AgentMetricsTest, link_shows_the_transport_it_has_now) {
  link_.link_up("rc_mlx5");
  link_.link_up("tcp");
  EXPECT_THAT(text(), HasSubstr("transport=\"rc_mlx5\"} 0"));
  EXPECT_THAT(text(), HasSubstr("transport=\"tcp\"} 1"));
  link_.link_down();
  EXPECT_THAT(text(), HasSubstr("transport=\"tcp\"} 0"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_link_up{direction=\"from\",peer=\"prefill-0\"} 0"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_link_ups_total{direction=\"from\",peer=\"prefill-0\"} "
                                "2"));
  link_.fenced();
  EXPECT_THAT(text(), HasSubstr("pegaflow_link_fences_total{direction=\"from\",peer=\"prefill-"
                                "0\"} 1"));
}

TEST_F(AgentMetricsTest, gauges_show_the_latest_value) {
  link_.measured(1e9, microseconds(4));
  link_.credits_outstanding(12);
  link_.credits_outstanding(7);
  link_.send_window(3);
  link_.send_window_shut();
  metrics_.pools(2);
  metrics_.offers(5);
  metrics_.receives(6);
  metrics_.ready(true);
  const std::string all = text();
  const std::string labels = "{direction=\"from\",peer=\"prefill-0\"} ";
  EXPECT_THAT(all, HasSubstr("pegaflow_link_bandwidth_bytes_per_second" + labels + "1000000000"));
  EXPECT_THAT(all, HasSubstr("pegaflow_link_round_trip_seconds" + labels + "4"));
  EXPECT_THAT(all, HasSubstr("pegaflow_credits_outstanding" + labels + "7"));
  EXPECT_THAT(all, HasSubstr("pegaflow_send_window_used" + labels + "3"));
  EXPECT_THAT(all, HasSubstr("pegaflow_send_window_waits_total" + labels + "1"));
  EXPECT_THAT(all, HasSubstr("pegaflow_pools 2"));
  EXPECT_THAT(all, HasSubstr("pegaflow_offers 5"));
  EXPECT_THAT(all, HasSubstr("pegaflow_receives 6"));
  EXPECT_THAT(all, HasSubstr("pegaflow_ready 1"));
}

TEST_F(AgentMetricsTest, deadlines_count_by_timer_with_and_without_link) {
  link_.deadline_hit(Timer::kProgress);
  metrics_.deadline_hit(Timer::kQuarantine);
  EXPECT_THAT(text(), HasSubstr("peer=\"prefill-0\",timer=\"progress\"} 1"));
  EXPECT_THAT(text(), HasSubstr("peer=\"\",timer=\"quarantine\"} 1"));
  EXPECT_THAT(text(), HasSubstr("peer=\"\",timer=\"progress\"} 0"));
}

TEST_F(AgentMetricsTest, regions_show_slots_by_state) {
  RegionProbe& region = metrics_.region("gpu-0");
  region.slots(SlotUse::kFree, 30);
  region.slots(SlotUse::kClaimed, 2);
  region.slot_retired();
  region.slot_recovered();
  region.starved();
  EXPECT_THAT(text(), HasSubstr("pegaflow_slots{region=\"gpu-0\",state=\"free\"} 30"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_slots{region=\"gpu-0\",state=\"claimed\"} 2"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_slots_retired_total{region=\"gpu-0\"} 1"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_slots_recovered_total{region=\"gpu-0\"} 1"));
  EXPECT_THAT(text(), HasSubstr("pegaflow_slot_starvations_total{region=\"gpu-0\"} 1"));
}

TEST_F(AgentMetricsTest, sessions_loop_and_rendezvous) {
  metrics_.session_opened(SessionKind::kWorker);
  metrics_.session_opened(SessionKind::kWorker);
  metrics_.session_closed(SessionKind::kWorker);
  metrics_.engine_died();
  metrics_.engine_stalled();
  metrics_.loop_turn(milliseconds(250), milliseconds(750));
  metrics_.loop_gap(milliseconds(1500));
  metrics_.rendezvous_registered();
  metrics_.rendezvous_failed();
  const std::string all = text();
  EXPECT_THAT(all, HasSubstr("pegaflow_sessions{kind=\"worker\"} 1"));
  EXPECT_THAT(all, HasSubstr("pegaflow_sessions_opened_total{kind=\"worker\"} 2"));
  EXPECT_THAT(all, HasSubstr("pegaflow_engine_deaths_total 1"));
  EXPECT_THAT(all, HasSubstr("pegaflow_engine_stalls_total 1"));
  EXPECT_THAT(all, HasSubstr("pegaflow_loop_seconds_total{activity=\"busy\"} 0.25"));
  EXPECT_THAT(all, HasSubstr("pegaflow_loop_seconds_total{activity=\"idle\"} 0.75"));
  EXPECT_THAT(all, HasSubstr("pegaflow_loop_gaps_total 1"));
  EXPECT_THAT(all, HasSubstr("pegaflow_loop_gap_seconds_total 1.5"));
  EXPECT_THAT(all, HasSubstr("pegaflow_rendezvous_registrations_total 1"));
  EXPECT_THAT(all, HasSubstr("pegaflow_rendezvous_failures_total 1"));
}

TEST_F(AgentMetricsTest, scraping_while_events_arrive_is_safe_and_loses_none) {
  constexpr int kEvents = 20'000;
  std::atomic<bool> done = false;
  std::thread scraper([&] {
    while (!done) EXPECT_THAT(text(), HasSubstr("pegaflow_chunks_received_total"));
  });
  for (int i = 0; i < kEvents; ++i) {
    link_.chunk_received(1);
    link_.stage(Stage::kScatter, microseconds(i));
    if (i % 1'000 == 0) (void)metrics_.link("peer-" + std::to_string(i), Direction::kTo);
  }
  done = true;
  scraper.join();
  EXPECT_THAT(text(), HasSubstr("pegaflow_received_bytes_total{direction=\"from\",peer=\"prefill-"
                                "0\"} 20000"));
}

TEST(MetricNames, every_enum_value_has_its_own) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kStages; ++i) names.insert(to_string(static_cast<Stage>(i)));
  EXPECT_EQ(names.size(), kStages);
  names.clear();
  for (std::size_t i = 0; i < kTimers; ++i) names.insert(to_string(static_cast<Timer>(i)));
  EXPECT_EQ(names.size(), kTimers);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace pegaflow::metrics
