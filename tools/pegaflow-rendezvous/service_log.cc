#include "service_log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

namespace pegaflow::tools {
namespace {

spdlog::string_view_t view(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

class ServiceLog::Impl {
 public:
  // The sink is shared because spdlog's loggers share theirs.
  explicit Impl(const std::string& level)
      : logger("rendezvous", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()) {
    logger.set_level(spdlog::level::from_str(level));
    logger.set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %l [%n] %v", spdlog::pattern_time_type::utc);
  }
  spdlog::logger logger;
};

ServiceLog::ServiceLog(const std::string& level) : impl_(std::make_unique<Impl>(level)) {}

ServiceLog::~ServiceLog() = default;

void ServiceLog::debug(std::string_view text) {
  impl_->logger.log(spdlog::level::debug, view(text));
}

void ServiceLog::info(std::string_view text) { impl_->logger.log(spdlog::level::info, view(text)); }

void ServiceLog::warning(std::string_view text) {
  impl_->logger.log(spdlog::level::warn, view(text));
}

void ServiceLog::error(std::string_view text) { impl_->logger.log(spdlog::level::err, view(text)); }

void LoggedStoreEvents::registered(std::string_view name, AgentEpoch epoch) {
  StoreMetrics::registered(name, epoch);
  log_.info("agent " + std::string(name) + " registered, epoch " +
            rendezvous::epoch_to_text(epoch));
}

void LoggedStoreEvents::updated(std::string_view name) {
  StoreMetrics::updated(name);
  log_.debug("agent " + std::string(name) + " changed its record");
}

void LoggedStoreEvents::removed(std::string_view name) {
  StoreMetrics::removed(name);
  log_.info("agent " + std::string(name) + " left");
}

void LoggedStoreEvents::lease_expired(std::string_view name) {
  StoreMetrics::lease_expired(name);
  log_.warning("agent " + std::string(name) + " fell silent: its lease expired");
}

}  // namespace pegaflow::tools
