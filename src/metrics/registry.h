// Prometheus metrics derived from probes' events. docs/METRICS.md lists every metric; a test
// holds that page and this code in agreement.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/probes.h"

namespace pegaflow::metrics {

struct BuildInfo {
  std::string program;  // "pegaflow-agent"
  std::string version;
  std::string node;  // empty where a program has none
};

// Label values by number; an empty name or a number past the end counts as "other".
struct RegistryConfig {
  BuildInfo build;
  std::vector<std::string> messages;  // wire message types
  std::vector<std::string> reasons;   // failure and refusal reasons
};

// One metric family as /metrics shows it.
struct FamilyInfo {
  std::string name;
  std::string type;  // counter, gauge, histogram
  std::string help;
  std::vector<std::string> labels;  // of its series, sorted; without le
};

// The agent's metrics. Thread safe: events from any thread while another scrapes.
class AgentMetrics final : public AgentProbe {
 public:
  explicit AgentMetrics(const RegistryConfig& config);
  ~AgentMetrics() override;

  std::string prometheus_text() const;  // text format 0.0.4
  std::vector<FamilyInfo> families() const;

  LinkProbe& link(std::string_view peer, Direction direction) override;
  RegionProbe& region(std::string_view name) override;
  void session_opened(SessionKind kind) override;
  void session_closed(SessionKind kind) override;
  void engine_died() override;
  void engine_stalled() override;
  void deadline_hit(Timer timer) override;
  void pools(std::int64_t count) override;
  void offers(std::int64_t count) override;
  void receives(std::int64_t count) override;
  void loop_turn(Duration busy, Duration idle) override;
  void loop_gap(Duration gap) override;
  void ready(bool ready) override;
  void rendezvous_registered() override;
  void rendezvous_failed() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The rendezvous service's metrics. Thread safe.
class RendezvousMetrics final : public RendezvousProbe {
 public:
  explicit RendezvousMetrics(const BuildInfo& build);
  ~RendezvousMetrics() override;

  std::string prometheus_text() const;
  std::vector<FamilyInfo> families() const;

  void agents(std::int64_t live) override;
  void lease_expired() override;
  void poller_came() override;
  void poller_left() override;
  void request(std::string_view method, std::string_view route, int status, Duration time) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The content type of prometheus_text().
inline constexpr std::string_view kPrometheusContentType = "text/plain; version=0.0.4";

}  // namespace pegaflow::metrics
