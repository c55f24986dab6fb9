#include "memory/cuda/process_memory.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <type_traits>
#include <vector>

namespace pegaflow::memory::cuda {
namespace {

// The few parts of nvml.h that are used: not every toolkit has the header.
using Device = struct NvmlDevice*;
struct ProcessInfo {  // nvmlProcessInfo_v2_t
  unsigned int pid;
  unsigned long long used_bytes;
  unsigned int gpu_instance, compute_instance;
};
constexpr int kSuccess = 0;           // NVML_SUCCESS
constexpr int kInsufficientSize = 7;  // NVML_ERROR_INSUFFICIENT_SIZE
constexpr unsigned long long kNotAvailable = ~0ULL;

struct Nvml {
  int (*init)() = nullptr;
  int (*device_by_uuid)(const char*, Device*) = nullptr;
  int (*processes)(Device, unsigned int*, ProcessInfo*) = nullptr;
  bool usable = false;
};

Nvml load() {
  Nvml nvml;
  void* const library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nvml;
  const auto find = [library](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(::dlsym(library, name));
    return function != nullptr;
  };
  nvml.usable =
      find(nvml.init, "nvmlInit_v2") && find(nvml.device_by_uuid, "nvmlDeviceGetHandleByUUID") &&
      find(nvml.processes, "nvmlDeviceGetComputeRunningProcesses_v3") && nvml.init() == kSuccess;
  return nvml;
}

// Processes come and go between the question how many there are and the one which.
std::vector<ProcessInfo> processes_on(const Nvml& nvml, Device device) {
  std::vector<ProcessInfo> processes(16);
  for (int attempt = 0; attempt < 4; ++attempt) {
    auto count = static_cast<unsigned int>(processes.size());
    const int result = nvml.processes(device, &count, processes.data());
    if (result == kSuccess) {
      processes.resize(count);
      return processes;
    }
    if (result != kInsufficientSize) break;
    processes.resize(count + 16);
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> memory_of_this_process(const std::string& uuid) {
  static const Nvml kNvml = load();
  Device device = nullptr;
  if (!kNvml.usable || kNvml.device_by_uuid(uuid.c_str(), &device) != kSuccess) return std::nullopt;
  const auto processes = processes_on(kNvml, device);
  const auto self = static_cast<unsigned int>(::getpid());
  const auto found = std::find_if(processes.begin(), processes.end(),
                                  [self](const ProcessInfo& info) { return info.pid == self; });
  if (found == processes.end() || found->used_bytes == kNotAvailable) return std::nullopt;
  return found->used_bytes;
}

}  // namespace pegaflow::memory::cuda
