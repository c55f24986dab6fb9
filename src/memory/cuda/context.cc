#include "memory/cuda/context.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <vector>

namespace pegaflow::memory::cuda {
namespace {

struct Gpu {
  CUdevice device = 0;
  std::string uuid;
  std::string name;
};

// As nvidia-smi prints it: GPU-8-4-4-4-12 digits.
std::string text(const CUuuid& uuid) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string result = "GPU-";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) result += '-';
    const auto byte = static_cast<unsigned char>(uuid.bytes[i]);
    result += kDigits[byte >> 4U];
    result += kDigits[byte & 15U];
  }
  return result;
}

Result<std::vector<Gpu>> visible_gpus(const Api& api) {
  int count = 0;
  PEGAFLOW_TRY(check(api, api.cuDeviceGetCount(&count), "count the GPUs"));
  std::vector<Gpu> gpus;
  for (int i = 0; i < count; ++i) {
    Gpu gpu;
    CUuuid uuid;
    std::array<char, 128> name{};
    PEGAFLOW_TRY(check(api, api.cuDeviceGet(&gpu.device, i), "get a GPU"));
    PEGAFLOW_TRY(check(api, api.cuDeviceGetUuid(&uuid, gpu.device), "ask for a GPU's UUID"));
    PEGAFLOW_TRY(check(api, api.cuDeviceGetName(name.data(), name.size() - 1, gpu.device),
                       "ask for a GPU's name"));
    gpu.uuid = text(uuid);
    gpu.name = name.data();
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

std::string list(const std::vector<Gpu>& gpus) {
  std::string text;
  for (const Gpu& gpu : gpus) {
    text += (text.empty() ? "" : ", ") + gpu.uuid + " (" + gpu.name + ")";
  }
  return text.empty() ? "none" : text;
}

// Null: none, or several.
const Gpu* find(const std::vector<Gpu>& gpus, std::string_view wanted) {
  std::size_t ordinal = 0;
  const char* end = wanted.data() + wanted.size();
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): from_chars takes a range
  const auto [stop, error] = std::from_chars(wanted.data(), end, ordinal);
  if (error == std::errc() && stop == end) {
    return ordinal < gpus.size() ? &gpus[ordinal] : nullptr;
  }
  const Gpu* found = nullptr;
  for (const Gpu& gpu : gpus) {
    if (wanted.size() <= 4 || !gpu.uuid.starts_with(wanted)) continue;
    if (found != nullptr) return nullptr;
    found = &gpu;
  }
  return found;
}

}  // namespace

Result<std::unique_ptr<Context>> Context::open(std::string_view gpu) {
  PEGAFLOW_ASSIGN(const Api* api, load_api());
  PEGAFLOW_ASSIGN(const std::vector<Gpu> gpus, visible_gpus(*api));
  const Gpu* found = find(gpus, gpu);
  if (found == nullptr) {
    return Error(Code::kNotFound,
                 "not here; expected an ordinal or the UUID of one of those this process sees: " +
                     list(gpus));
  }
  CUcontext handle = nullptr;
  PEGAFLOW_TRY(cuda::check(*api, api->cuDevicePrimaryCtxRetain(&handle, found->device),
                           "retain the primary context of " + found->uuid));
  return std::unique_ptr<Context>(new Context(*api, found->device, handle, found->uuid));
}

// An engine's exit may have taken the driver down already; what it says then is of no interest.
Context::~Context() { api_.cuDevicePrimaryCtxRelease(device_); }

int Context::attribute(CUdevice_attribute which) const {
  int value = 0;
  api_.cuDeviceGetAttribute(&value, which, device_);
  return value;
}

std::vector<std::string> Context::reaches() const {
  std::vector<std::string> uuids;
  const auto gpus = visible_gpus(api_);
  if (!gpus.ok()) return {uuid_};
  for (const Gpu& gpu : *gpus) {
    int reached = gpu.device == device_ ? 1 : 0;
    if (reached == 0) api_.cuDeviceCanAccessPeer(&reached, device_, gpu.device);
    if (reached != 0) uuids.push_back(gpu.uuid);
  }
  return uuids;
}

Status Context::attach_thread() const {
  PEGAFLOW_TRY(check(api_.cuCtxSetCurrent(handle_), "make the context current"));
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  return check(api_.cuThreadExchangeStreamCaptureMode(&mode), "set the thread's capture mode");
}

ContextUse::ContextUse(const Context& context) : context_(context) {
  const Api& api = context_.api();
  api.cuCtxGetCurrent(&before_);
  if (before_ != context_.handle()) api.cuCtxSetCurrent(context_.handle());
  api.cuThreadExchangeStreamCaptureMode(&mode_);
}

ContextUse::~ContextUse() {
  const Api& api = context_.api();
  api.cuThreadExchangeStreamCaptureMode(&mode_);
  if (before_ != context_.handle()) api.cuCtxSetCurrent(before_);
}

}  // namespace pegaflow::memory::cuda
