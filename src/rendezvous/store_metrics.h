// StoreMetrics: a store's events as the service's metrics.
#pragma once

#include "metrics/probes.h"
#include "rendezvous/store.h"

namespace pegaflow::rendezvous {

class StoreMetrics : public StoreEvents {
 public:
  // `probe` outlives it.
  explicit StoreMetrics(metrics::RendezvousProbe& probe) : probe_(probe) {}
  void live_agents(std::size_t count) override { probe_.agents(static_cast<std::int64_t>(count)); }
  void registered(std::string_view, AgentEpoch) override {}
  void updated(std::string_view) override {}
  void removed(std::string_view) override {}
  void lease_expired(std::string_view) override { probe_.lease_expired(); }

 private:
  metrics::RendezvousProbe& probe_;
};

}  // namespace pegaflow::rendezvous
