#include <map>
#include <mutex>
#include <utility>

#include "metrics/link_metrics.h"
#include "metrics/region_metrics.h"
#include "metrics/registry.h"

namespace pegaflow::metrics {
namespace {

// Series of the agent as a whole.
struct AgentSeries {
  AgentSeries(prometheus::Registry& r, LinkFamilies& links)
      : ready(gauges(r, "pegaflow_ready", "1 while /readyz says so.").Add({})),
        sessions(gauges(r, "pegaflow_sessions", "Connected sessions."), {}, "kind"),
        opened(counters(r, "pegaflow_sessions_opened_total", "Sessions opened."), {}, "kind"),
        deaths(
            counters(r, "pegaflow_engine_deaths_total", "Engines that went without saying goodbye.")
                .Add({})),
        stalls(counters(r, "pegaflow_engine_stalls_total", "Engines whose mover stood still.")
                   .Add({})),
        deadlines(links.deadlines_hit, {{"peer", ""}, {"direction", ""}}, "timer"),
        pools(gauges(r, "pegaflow_pools", "Pools of connected engines.").Add({})),
        offers(gauges(r, "pegaflow_offers", "Live offers.").Add({})),
        receives(gauges(r, "pegaflow_receives", "Live receives.").Add({})),
        busy(loop_seconds(r).Add({{"activity", "busy"}})),
        idle(loop_seconds(r).Add({{"activity", "idle"}})),
        gaps(counters(r, "pegaflow_loop_gaps_total",
                      "Times that the agent itself was stopped or starved.")
                 .Add({})),
        gap_seconds(
            counters(r, "pegaflow_loop_gap_seconds_total", "Length of those gaps.").Add({})),
        registrations(counters(r, "pegaflow_rendezvous_registrations_total",
                               "Records accepted by the rendezvous service.")
                          .Add({})),
        failures(counters(r, "pegaflow_rendezvous_failures_total",
                          "Calls to the rendezvous service that failed.")
                     .Add({})) {}

  static Family<Counter>& loop_seconds(prometheus::Registry& r) {
    return counters(r, "pegaflow_loop_seconds_total",
                    "Time of the agent's loop; busy ÷ (busy + idle) is its utilisation.");
  }

  Gauge& ready;
  EnumSeries<Gauge, SessionKind, kSessionKinds> sessions;
  EnumSeries<Counter, SessionKind, kSessionKinds> opened;
  Counter& deaths;
  Counter& stalls;
  EnumSeries<Counter, Timer, kTimers> deadlines;
  Gauge& pools;
  Gauge& offers;
  Gauge& receives;
  Counter& busy;
  Counter& idle;
  Counter& gaps;
  Counter& gap_seconds;
  Counter& registrations;
  Counter& failures;
};

}  // namespace

class AgentMetrics::Impl {
 public:
  explicit Impl(const RegistryConfig& config)
      : link_families(registry, config), region_families(registry), agent(registry, link_families) {
    add_build_info(registry, config.build);
  }

  prometheus::Registry registry;
  LinkFamilies link_families;
  RegionFamilies region_families;
  AgentSeries agent;

  std::mutex mutex;
  // Guarded by mutex; the probes themselves are thread safe and stay where they are:
  std::map<std::pair<std::string, Direction>, LinkMetrics> links;
  std::map<std::string, RegionMetrics, std::less<>> regions;
};

AgentMetrics::AgentMetrics(const RegistryConfig& config) : impl_(std::make_unique<Impl>(config)) {}

AgentMetrics::~AgentMetrics() = default;

std::string AgentMetrics::prometheus_text() const { return text_of(impl_->registry); }

std::vector<FamilyInfo> AgentMetrics::families() const { return families_of(impl_->registry); }

LinkProbe& AgentMetrics::link(std::string_view peer, Direction direction) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->links
      .try_emplace({std::string(peer), direction}, impl_->link_families, peer, direction)
      .first->second;
}

RegionProbe& AgentMetrics::region(std::string_view name) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->regions.try_emplace(std::string(name), impl_->region_families, name).first->second;
}

void AgentMetrics::session_opened(SessionKind kind) {
  impl_->agent.sessions[kind].Increment();
  impl_->agent.opened[kind].Increment();
}

void AgentMetrics::session_closed(SessionKind kind) { impl_->agent.sessions[kind].Decrement(); }

void AgentMetrics::engine_died() { impl_->agent.deaths.Increment(); }

void AgentMetrics::engine_stalled() { impl_->agent.stalls.Increment(); }

void AgentMetrics::deadline_hit(Timer timer) { impl_->agent.deadlines[timer].Increment(); }

void AgentMetrics::pools(std::int64_t count) { impl_->agent.pools.Set(static_cast<double>(count)); }

void AgentMetrics::offers(std::int64_t count) {
  impl_->agent.offers.Set(static_cast<double>(count));
}

void AgentMetrics::receives(std::int64_t count) {
  impl_->agent.receives.Set(static_cast<double>(count));
}

void AgentMetrics::loop_turn(Duration busy, Duration idle) {
  impl_->agent.busy.Increment(seconds(busy));
  impl_->agent.idle.Increment(seconds(idle));
}

void AgentMetrics::loop_gap(Duration gap) {
  impl_->agent.gaps.Increment();
  impl_->agent.gap_seconds.Increment(seconds(gap));
}

void AgentMetrics::ready(bool ready) { impl_->agent.ready.Set(ready ? 1 : 0); }

void AgentMetrics::rendezvous_registered() { impl_->agent.registrations.Increment(); }

void AgentMetrics::rendezvous_failed() { impl_->agent.failures.Increment(); }

}  // namespace pegaflow::metrics
