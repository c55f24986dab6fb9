#include "memory/cuda/api.h"

#include <dlfcn.h>

namespace pegaflow::memory::cuda {
namespace {

// Virtual memory with file descriptors and batches of parameters are used without asking further.
constexpr int kOldestDriver = 12000;

constexpr const char* kLibrary = "libcuda.so.1";

#define PEGAFLOW_CUDA_TEXT_INNER(name) #name
#define PEGAFLOW_CUDA_TEXT(name) PEGAFLOW_CUDA_TEXT_INNER(name)

// The name that the table misses; null: complete.
const char* fill(Api& api, void* library) {
#define PEGAFLOW_CUDA_LOAD(name)                                                               \
  api.name = reinterpret_cast<decltype(api.name)>(::dlsym(library, PEGAFLOW_CUDA_TEXT(name))); \
  if (api.name == nullptr) return PEGAFLOW_CUDA_TEXT(name);
  PEGAFLOW_CUDA_FUNCTIONS(PEGAFLOW_CUDA_LOAD)
#undef PEGAFLOW_CUDA_LOAD
  api.memcpy_batch = reinterpret_cast<Api::MemcpyBatch>(::dlsym(library, "cuMemcpyBatchAsync_v2"));
  return nullptr;
}

std::string text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

Status load(Api& api) {
  void* library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Error(Code::kUnsupported,
                 std::string("no NVIDIA driver on this machine: ") + ::dlerror());
  }
  if (const char* missing = fill(api, library)) {
    return Error(Code::kUnsupported, std::string("the NVIDIA driver is too old: ") + kLibrary +
                                         " has no " + missing + ", expected CUDA " +
                                         text(kOldestDriver) + " or newer");
  }
  const Status status = check(api, api.cuInit(0), "initialise the NVIDIA driver");
  if (!status.ok()) return Error(Code::kUnsupported, status.error().message());
  int version = 0;
  PEGAFLOW_TRY(check(api, api.cuDriverGetVersion(&version), "ask for the driver's version"));
  if (version < kOldestDriver) {
    return Error(Code::kUnsupported, "the NVIDIA driver has CUDA " + text(version) + ", expected " +
                                         text(kOldestDriver) + " or newer");
  }
  return {};
}

struct Loaded {
  Loaded() : status(load(api)) {}
  Api api;
  Status status;
};

}  // namespace

CUresult copy_together(const Api& api, std::span<CUdeviceptr> to, std::span<CUdeviceptr> from,
                       std::span<std::size_t> bytes, CUstream stream) {
  CUmemcpyAttributes attributes{};
  attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  std::size_t first = 0;  // copy that the attributes are for, as for all after it
  return api.memcpy_batch(to.data(), from.data(), bytes.data(), bytes.size(), &attributes, &first,
                          1, stream);
}

Status check(const Api& api, CUresult result, const std::string& what) {
  if (result == CUDA_SUCCESS) return {};
  const char* name = nullptr;
  const char* meaning = nullptr;
  api.cuGetErrorName(result, &name);
  api.cuGetErrorString(result, &meaning);
  return Error(Code::kSystem, "cannot " + what + ": " + (name == nullptr ? "unknown error" : name) +
                                  " (" + std::to_string(static_cast<int>(result)) + ", " +
                                  (meaning == nullptr ? "no description" : meaning) + ")");
}

Result<const Api*> load_api() {
  static const Loaded kLoaded;
  PEGAFLOW_TRY(kLoaded.status);
  return &kLoaded.api;
}

}  // namespace pegaflow::memory::cuda
