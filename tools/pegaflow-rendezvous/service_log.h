// The service's lines on stderr, and its store's events among them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "rendezvous/store_metrics.h"

namespace pegaflow::tools {

// Thread safe.
class ServiceLog {
 public:
  explicit ServiceLog(const std::string& level);  // one of --log-level's
  ~ServiceLog();
  ServiceLog(const ServiceLog&) = delete;
  ServiceLog& operator=(const ServiceLog&) = delete;

  void debug(std::string_view text);
  void info(std::string_view text);
  void warning(std::string_view text);
  void error(std::string_view text);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Logs who comes and goes, and counts it.
class LoggedStoreEvents final : public rendezvous::StoreMetrics {
 public:
  LoggedStoreEvents(ServiceLog& log, metrics::RendezvousProbe& probe)
      : StoreMetrics(probe), log_(log) {}
  void registered(std::string_view name, AgentEpoch epoch) override;
  void updated(std::string_view name) override;
  void removed(std::string_view name) override;
  void lease_expired(std::string_view name) override;

 private:
  ServiceLog& log_;
};

}  // namespace pegaflow::tools
