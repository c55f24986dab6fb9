// The metrics of one link, and the families they belong to. Internal to this folder.
#pragma once

#include <atomic>

#include "metrics/series.h"

namespace pegaflow::metrics {

struct LinkFamilies {
  LinkFamilies(prometheus::Registry& registry, const RegistryConfig& config);

  Family<Gauge>& up;
  Family<Gauge>& transport;
  Family<Counter>& ups;
  Family<Counter>& fences;
  Family<Gauge>& bandwidth;
  Family<Gauge>& round_trip;
  Family<Counter>& chunks_sent;
  Family<Counter>& sent_bytes;
  Family<Counter>& chunks_received;
  Family<Counter>& received_bytes;
  Family<Counter>& chunks_dropped;
  Family<Counter>& checksum_failures;
  Family<Counter>& streams_started;
  Family<Gauge>& streams_active;
  Family<Counter>& streams_ended;
  Family<Counter>& stream_failures;
  Family<Histogram>& stage;
  Family<Counter>& deadlines_hit;
  Family<Gauge>& credits;
  Family<Gauge>& send_window;
  Family<Counter>& send_window_waits;
  // Over all links; a label per peer would multiply the series by the message types.
  NamedCounters messages_out;
  NamedCounters messages_in;
  Counter& message_bytes_out;
  Counter& message_bytes_in;
  const std::vector<std::string> reasons;
};

class LinkMetrics final : public LinkProbe {
 public:
  LinkMetrics(LinkFamilies& families, std::string_view peer, Direction direction);

  void link_up(std::string_view transport) override;
  void link_down() override;
  void fenced() override;
  void measured(double bytes_per_second, Duration round_trip) override;
  void chunk_sent(std::uint64_t bytes, Duration wire_time) override;
  void chunk_received(std::uint64_t bytes) override;
  void chunk_dropped() override;
  void checksum_failed() override;
  void stream_started() override;
  void stream_ended(Outcome outcome, std::uint8_t reason) override;
  void stage(Stage stage, Duration time) override;
  void deadline_hit(Timer timer) override;
  void credits_outstanding(std::int64_t slots) override;
  void message_out(std::uint8_t type, std::size_t bytes) override;
  void message_in(std::uint8_t type, std::size_t bytes) override;
  void send_window(std::int64_t unacknowledged) override;
  void send_window_shut() override;

 private:
  LinkFamilies& families_;
  const Labels labels_;
  std::atomic<Gauge*> transport_ = nullptr;  // of the transport it has; null while down
  Gauge& up_;
  Counter& ups_;
  Counter& fences_;
  Gauge& bandwidth_;
  Gauge& round_trip_;
  Counter& chunks_sent_;
  Counter& sent_bytes_;
  Counter& chunks_received_;
  Counter& received_bytes_;
  Counter& chunks_dropped_;
  Counter& checksum_failures_;
  Counter& streams_started_;
  Gauge& streams_active_;
  EnumSeries<Counter, Outcome, kOutcomes> streams_ended_;
  NamedCounters stream_failures_;
  EnumSeries<Histogram, Stage, kStages> stages_;
  EnumSeries<Counter, Timer, kTimers> deadlines_hit_;
  Gauge& credits_;
  Gauge& send_window_;
  Counter& send_window_waits_;
};

}  // namespace pegaflow::metrics
