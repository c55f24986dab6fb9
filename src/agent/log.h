// Log: the agent's lines on stderr. An object, so that agents in one process (tests, embedders)
// have their own names and levels.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace pegaflow::agent {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

// Thread safe.
class Log {
 public:
  // `name` stands in every line: the node's.
  Log(const std::string& name, LogLevel level);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void debug(std::string_view text) const { write(LogLevel::kDebug, text); }
  void info(std::string_view text) const { write(LogLevel::kInfo, text); }
  void warning(std::string_view text) const { write(LogLevel::kWarning, text); }
  void error(std::string_view text) const { write(LogLevel::kError, text); }

 private:
  void write(LogLevel level, std::string_view text) const;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pegaflow::agent
