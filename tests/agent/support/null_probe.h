// A probe that counts the few events that tests ask about.
#pragma once

#include "metrics/probes.h"

namespace pegaflow::agent {

class NullLinkProbe final : public metrics::LinkProbe {
 public:
  void link_up(std::string_view) override { ++ups; }
  void link_down() override { ++downs; }
  void fenced() override { ++fences; }
  void measured(double, metrics::Duration) override { ++measurements; }
  void chunk_sent(std::uint64_t, metrics::Duration) override {}
  void chunk_received(std::uint64_t) override {}
  void chunk_dropped() override {}
  void checksum_failed() override {}
  void stream_started() override {}
  void stream_ended(metrics::Outcome, std::uint8_t) override {}
  void stage(metrics::Stage, metrics::Duration) override {}
  void deadline_hit(metrics::Timer) override {}
  void credits_outstanding(std::int64_t) override {}
  void message_out(std::uint8_t, std::size_t) override {}
  void message_in(std::uint8_t, std::size_t) override {}
  void send_window(std::int64_t) override {}
  void send_window_shut() override { ++shut; }

  int ups = 0, downs = 0, fences = 0, measurements = 0, shut = 0;
};

class NullRegionProbe final : public metrics::RegionProbe {
 public:
  void slots(metrics::SlotUse, std::int64_t) override {}
  void slot_retired() override {}
  void slot_recovered() override {}
  void starved() override {}
};

class NullProbe final : public metrics::AgentProbe {
 public:
  metrics::LinkProbe& link(std::string_view, metrics::Direction) override { return link_probe; }
  metrics::RegionProbe& region(std::string_view) override { return region_probe; }
  void session_opened(metrics::SessionKind) override { ++sessions; }
  void session_closed(metrics::SessionKind) override { --sessions; }
  void engine_died() override { ++deaths; }
  void engine_stalled() override {}
  void deadline_hit(metrics::Timer) override {}
  void pools(std::int64_t) override {}
  void offers(std::int64_t) override {}
  void receives(std::int64_t) override {}
  void loop_turn(metrics::Duration, metrics::Duration) override { ++turns; }
  void loop_gap(metrics::Duration gap) override { gaps += gap; }
  void ready(bool) override {}
  void rendezvous_registered() override {}
  void rendezvous_failed() override {}

  NullLinkProbe link_probe;
  NullRegionProbe region_probe;
  int sessions = 0, deaths = 0, turns = 0;
  metrics::Duration gaps{};
};

}  // namespace pegaflow::agent
