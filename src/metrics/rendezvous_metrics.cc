#include "metrics/registry.h"
#include "metrics/series.h"

namespace pegaflow::metrics {

class RendezvousMetrics::Impl {
 public:
  explicit Impl(const BuildInfo& build)
      : agents(gauges(registry, "pegaflow_rendezvous_agents", "Agents with a live lease.").Add({})),
        expiries(
            counters(registry, "pegaflow_rendezvous_leases_expired_total", "Leases that ran out.")
                .Add({})),
        pollers(gauges(registry, "pegaflow_rendezvous_pollers", "Long polls now waiting.").Add({})),
        requests(counters(registry, "pegaflow_rendezvous_requests_total", "Answered requests.")),
        times(histograms(registry, "pegaflow_rendezvous_request_seconds",
                         "Time of a request; long polls include their wait.")) {
    add_build_info(registry, build);
  }

  prometheus::Registry registry;
  Gauge& agents;
  Counter& expiries;
  Gauge& pollers;
  Family<Counter>& requests;
  Family<Histogram>& times;
};

RendezvousMetrics::RendezvousMetrics(const BuildInfo& build)
    : impl_(std::make_unique<Impl>(build)) {}

RendezvousMetrics::~RendezvousMetrics() = default;

std::string RendezvousMetrics::prometheus_text() const { return text_of(impl_->registry); }

std::vector<FamilyInfo> RendezvousMetrics::families() const { return families_of(impl_->registry); }

void RendezvousMetrics::agents(std::int64_t live) { impl_->agents.Set(static_cast<double>(live)); }

void RendezvousMetrics::lease_expired() { impl_->expiries.Increment(); }

void RendezvousMetrics::poller_came() { impl_->pollers.Increment(); }

void RendezvousMetrics::poller_left() { impl_->pollers.Decrement(); }

void RendezvousMetrics::request(std::string_view method, std::string_view route, int status,
                                Duration time) {
  const Labels labels = {{"method", std::string(method)}, {"route", std::string(route)}};
  impl_->requests.Add(with(labels, "status", std::to_string(status))).Increment();
  impl_->times.Add(labels, second_buckets()).Observe(seconds(time));
}

}  // namespace pegaflow::metrics
