#include "metrics/link_metrics.h"

namespace pegaflow::metrics {
namespace {

constexpr const char* kMessages = "pegaflow_messages_total";
constexpr const char* kMessagesHelp = "Control messages, over all links.";
constexpr const char* kMessageBytes = "pegaflow_message_bytes_total";
constexpr const char* kMessageBytesHelp = "Bytes of control messages, over all links.";

Labels link_labels(std::string_view peer, Direction direction) {
  return {{"peer", std::string(peer)}, {"direction", std::string(to_string(direction))}};
}

}  // namespace

LinkFamilies::LinkFamilies(prometheus::Registry& r, const RegistryConfig& config)
    : up(gauges(r, "pegaflow_link_up", "1 while the link is usable.")),
      transport(gauges(r, "pegaflow_link_transport",
                       "1 for the data transport that an up link got, 0 for those it had.")),
      ups(counters(r, "pegaflow_link_ups_total", "How often the link was built.")),
      fences(counters(r, "pegaflow_link_fences_total",
                      "Links torn down because nothing else proved that a writer had ended.")),
      bandwidth(gauges(r, "pegaflow_link_bandwidth_bytes_per_second",
                       "Bandwidth measured by the link's last probe.")),
      round_trip(gauges(r, "pegaflow_link_round_trip_seconds",
                        "Round trip measured by the link's last probe.")),
      chunks_sent(counters(r, "pegaflow_chunks_sent_total", "Chunks put and flushed.")),
      sent_bytes(counters(r, "pegaflow_sent_bytes_total", "Bytes of chunks put and flushed.")),
      chunks_received(counters(r, "pegaflow_chunks_received_total", "Valid chunks received.")),
      received_bytes(
          counters(r, "pegaflow_received_bytes_total", "Bytes of valid chunks received.")),
      chunks_dropped(counters(r, "pegaflow_chunks_dropped_total",
                              "Chunks that came for a stream that had ended.")),
      checksum_failures(
          counters(r, "pegaflow_checksum_failures_total", "Chunks whose checksum was wrong.")),
      streams_started(counters(r, "pegaflow_streams_started_total", "Streams started.")),
      streams_active(gauges(r, "pegaflow_streams_active", "Streams started and not ended.")),
      streams_ended(counters(r, "pegaflow_streams_ended_total", "Streams by how they ended.")),
      stream_failures(counters(r, "pegaflow_stream_failures_total",
                               "Streams that failed or were refused, by reason.")),
      stage(histograms(r, "pegaflow_stage_seconds", "Time of one stage of a transfer.")),
      deadlines_hit(counters(r, "pegaflow_deadlines_hit_total",
                             "Timers that ran out; peer is empty for those of no link.")),
      credits(gauges(r, "pegaflow_credits_outstanding", "Slots lent and not yet back.")),
      send_window(gauges(r, "pegaflow_send_window_used", "Control messages not acknowledged.")),
      send_window_waits(counters(r, "pegaflow_send_window_waits_total",
                                 "Control messages that waited for the send window.")),
      messages_out(counters(r, kMessages, kMessagesHelp), {{"way", "out"}}, "type",
                   config.messages),
      messages_in(counters(r, kMessages, kMessagesHelp), {{"way", "in"}}, "type", config.messages),
      message_bytes_out(counters(r, kMessageBytes, kMessageBytesHelp).Add({{"way", "out"}})),
      message_bytes_in(counters(r, kMessageBytes, kMessageBytesHelp).Add({{"way", "in"}})),
      reasons(config.reasons) {}

LinkMetrics::LinkMetrics(LinkFamilies& families, std::string_view peer, Direction direction)
    : families_(families),
      labels_(link_labels(peer, direction)),
      up_(families.up.Add(labels_)),
      ups_(families.ups.Add(labels_)),
      fences_(families.fences.Add(labels_)),
      bandwidth_(families.bandwidth.Add(labels_)),
      round_trip_(families.round_trip.Add(labels_)),
      chunks_sent_(families.chunks_sent.Add(labels_)),
      sent_bytes_(families.sent_bytes.Add(labels_)),
      chunks_received_(families.chunks_received.Add(labels_)),
      received_bytes_(families.received_bytes.Add(labels_)),
      chunks_dropped_(families.chunks_dropped.Add(labels_)),
      checksum_failures_(families.checksum_failures.Add(labels_)),
      streams_started_(families.streams_started.Add(labels_)),
      streams_active_(families.streams_active.Add(labels_)),
      streams_ended_(families.streams_ended, labels_, "outcome"),
      stream_failures_(families.stream_failures, labels_, "reason", families.reasons),
      stages_(families.stage, labels_, "stage", second_buckets()),
      deadlines_hit_(families.deadlines_hit, labels_, "timer"),
      credits_(families.credits.Add(labels_)),
      send_window_(families.send_window.Add(labels_)),
      send_window_waits_(families.send_window_waits.Add(labels_)) {}

void LinkMetrics::link_up(std::string_view transport) {
  Gauge& now = families_.transport.Add(with(labels_, "transport", transport));
  Gauge* before = transport_.exchange(&now);
  if (before != nullptr) before->Set(0);
  now.Set(1);
  up_.Set(1);
  ups_.Increment();
}

void LinkMetrics::link_down() {
  up_.Set(0);
  Gauge* before = transport_.exchange(nullptr);
  if (before != nullptr) before->Set(0);
}

void LinkMetrics::fenced() { fences_.Increment(); }

void LinkMetrics::measured(double bytes_per_second, Duration round_trip) {
  bandwidth_.Set(bytes_per_second);
  round_trip_.Set(seconds(round_trip));
}

void LinkMetrics::chunk_sent(std::uint64_t bytes, Duration wire_time) {
  chunks_sent_.Increment();
  sent_bytes_.Increment(static_cast<double>(bytes));
  stages_[Stage::kWire].Observe(seconds(wire_time));
}

void LinkMetrics::chunk_received(std::uint64_t bytes) {
  chunks_received_.Increment();
  received_bytes_.Increment(static_cast<double>(bytes));
}

void LinkMetrics::chunk_dropped() { chunks_dropped_.Increment(); }

void LinkMetrics::checksum_failed() { checksum_failures_.Increment(); }

void LinkMetrics::stream_started() {
  streams_started_.Increment();
  streams_active_.Increment();
}

void LinkMetrics::stream_ended(Outcome outcome, std::uint8_t reason) {
  streams_active_.Decrement();
  streams_ended_[outcome].Increment();
  if (outcome == Outcome::kFailed || outcome == Outcome::kRefused) {
    stream_failures_[reason].Increment();
  }
}

void LinkMetrics::stage(Stage stage, Duration time) { stages_[stage].Observe(seconds(time)); }

void LinkMetrics::deadline_hit(Timer timer) { deadlines_hit_[timer].Increment(); }

void LinkMetrics::credits_outstanding(std::int64_t slots) {
  credits_.Set(static_cast<double>(slots));
}

void LinkMetrics::message_out(std::uint8_t type, std::size_t bytes) {
  families_.messages_out[type].Increment();
  families_.message_bytes_out.Increment(static_cast<double>(bytes));
}

void LinkMetrics::message_in(std::uint8_t type, std::size_t bytes) {
  families_.messages_in[type].Increment();
  families_.message_bytes_in.Increment(static_cast<double>(bytes));
}

void LinkMetrics::send_window(std::int64_t unacknowledged) {
  send_window_.Set(static_cast<double>(unacknowledged));
}

void LinkMetrics::send_window_shut() { send_window_waits_.Increment(); }

}  // namespace pegaflow::metrics
