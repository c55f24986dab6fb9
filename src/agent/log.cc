#include "agent/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/printable.h"

namespace pegaflow::agent {
namespace {

spdlog::level::level_enum vendor_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

}  // namespace

class Log::Impl {
 public:
  // The sink is shared because spdlog's loggers share theirs.
  Impl(const std::string& name, LogLevel level)
      : logger(name, std::make_shared<spdlog::sinks::stderr_color_sink_mt>()) {
    logger.set_level(vendor_level(level));
    logger.set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %l [%n] %v", spdlog::pattern_time_type::utc);
  }
  spdlog::logger logger;
};

Log::Log(const std::string& name, LogLevel level) : impl_(std::make_unique<Impl>(name, level)) {}
Log::~Log() = default;

void Log::write(LogLevel level, std::string_view text) const {
  const std::string line = printable(text);  // parts of it may come from outside
  impl_->logger.log(vendor_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace pegaflow::agent
