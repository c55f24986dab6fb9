// A probe that counts what tests ask about and ignores the rest.
#pragma once

#include <map>

#include "metrics/probes.h"

namespace pegaflow::agent {

class QuietLinkProbe final : public metrics::LinkProbe {
 public:
  void link_up(std::string_view) override {}
  void link_down() override {}
  void fenced() override { ++fences; }
  void measured(double, metrics::Duration) override {}
  void chunk_sent(std::uint64_t, metrics::Duration) override {}
  void chunk_received(std::uint64_t) override { ++received; }
  void chunk_dropped() override { ++dropped; }
  void checksum_failed() override {}
  void stream_started() override {}
  void stream_ended(metrics::Outcome, std::uint8_t) override {}
  void stage(metrics::Stage, metrics::Duration) override {}
  void deadline_hit(metrics::Timer) override {}
  void credits_outstanding(std::int64_t) override {}
  void message_out(std::uint8_t, std::size_t) override {}
  void message_in(std::uint8_t, std::size_t) override {}
  void send_window(std::int64_t) override {}
  void send_window_shut() override {}

  int fences = 0, received = 0, dropped = 0;
};

class QuietRegionProbe final : public metrics::RegionProbe {
 public:
  void slots(metrics::SlotUse, std::int64_t) override {}
  void slot_retired() override {}
  void slot_recovered() override {}
  void starved() override {}
};

class QuietProbe final : public metrics::AgentProbe {
 public:
  metrics::LinkProbe& link(std::string_view, metrics::Direction) override { return links; }
  metrics::RegionProbe& region(std::string_view) override { return regions; }
  void session_opened(metrics::SessionKind) override {}
  void session_closed(metrics::SessionKind) override {}
  void engine_died() override {}
  void engine_stalled() override {}
  void deadline_hit(metrics::Timer) override {}
  void pools(std::int64_t) override {}
  void offers(std::int64_t) override {}
  void receives(std::int64_t) override {}
  void loop_turn(metrics::Duration, metrics::Duration) override {}
  void loop_gap(metrics::Duration) override {}
  void ready(bool) override {}
  void rendezvous_registered() override {}
  void rendezvous_failed() override {}

  QuietLinkProbe links;
  QuietRegionProbe regions;
};

}  // namespace pegaflow::agent
