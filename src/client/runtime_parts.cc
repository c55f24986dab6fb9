#include "client/runtime_parts.h"

#include <utility>

#include "client/limits.h"
#include "client/mover_settings.h"

namespace pegaflow::client {
namespace {

// Beyond those that wait in queues: calls that have recorded one and not queued it yet.
constexpr std::size_t kMarksOfCalls = 256;

Result<std::unique_ptr<memory::Device>> device_of(const SessionConfig& config) {
  if (config.gpu.empty()) return memory::make_host_device();
  return memory::open_gpu(config.gpu);
}

}  // namespace

Result<RuntimeParts> make_parts(const SessionConfig& config, const Clock& clock) {
  RuntimeParts parts{clock, wait_policy(usable_cores()), nullptr, nullptr, nullptr};
  PEGAFLOW_ASSIGN(parts.device, device_of(config));
  if (!config.gpu.empty()) {
    PEGAFLOW_ASSIGN(parts.streams,
                    parts.device->make_streams(kMaxReadyMarks + kMaxReceiveMarks + kMarksOfCalls));
  }
  PEGAFLOW_ASSIGN(const memory::MoverConfig settings, mover_settings());
  PEGAFLOW_ASSIGN(parts.mover, parts.device->make_mover(settings, clock));
  return parts;
}

}  // namespace pegaflow::client
