// sd_notify: tells the service manager (systemd) how a service is doing. Without one, nothing
// happens. Protocol: sd_notify(3).
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace pegaflow {

// Sends e.g. "READY=1" or "STOPPING=1\nSTATUS=draining" to $NOTIFY_SOCKET, if that is set. A
// message that cannot be sent is lost: the service manager's deadlines notice. Thread safe.
void sd_notify(std::string_view state);

// How often the service manager wants "WATCHDOG=1" at least ($WATCHDOG_USEC); nothing: never.
std::optional<std::chrono::microseconds> sd_watchdog_period();

}  // namespace pegaflow
