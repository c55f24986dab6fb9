// The suite between two processes whose areas are GPU memory, over UCX's cuda_ipc: between two GPUs
// where the first reaches another, else within one.
#include "gpu_specs.h"

#include <dlfcn.h>

#include <filesystem>

#include "gpu_area.h"
#include "ucx_backend.h"

namespace pegaflow::transport::testing {
namespace {

constexpr const char* kOurGpu = "0";

// The library as it is loaded, whatever was compiled against.
std::filesystem::path ucx_folder() {
  Dl_info library{};
  void* const symbol = dlsym(RTLD_DEFAULT, "ucp_get_version");
  if (symbol == nullptr || dladdr(symbol, &library) == 0) return {};
  return std::filesystem::path(library.dli_fname).parent_path();
}

// UCX loads its transports from a folder beside itself, and goes on without those it can't load.
bool ucx_has_cuda() {
  std::error_code none;
  for (const auto& file : std::filesystem::directory_iterator(ucx_folder() / "ucx", none)) {
    if (file.path().filename().string().starts_with("libuct_cuda.so")) return true;
  }
  return false;
}

std::string peer_gpu() {
  const std::string& ours = gpu(kOurGpu).gpu_uuid();
  for (const std::string& reached : gpu(kOurGpu).reaches()) {
    if (reached != ours) return reached;
  }
  return ours;
}

std::unique_ptr<Backend> cuda_ipc_processes() {
  return make_ucx_backend(
      {.tls = "tcp,cuda_copy,cuda_ipc", .our_gpu = kOurGpu, .peer_gpu = peer_gpu()});
}
std::unique_ptr<Backend> bouncing_processes() {
  return make_ucx_backend({.tls = "tcp,cuda_copy", .our_gpu = kOurGpu, .peer_gpu = peer_gpu()});
}

}  // namespace

std::string missing_for_cuda_ipc() {
  const Status support = memory::gpu_support();
  if (!support.ok()) return "no GPU: " + support.error().message();
  if (!ucx_has_cuda()) {
    return "UCX without cuda_ipc: no libuct_cuda.so in " + (ucx_folder() / "ucx").string();
  }
  return {};
}

BackendSpec without_cuda_ipc() {
  return {.name = "TcpAndCudaCopy",
          .missing = missing_for_cuda_ipc,
          .make = bouncing_processes,
          .put_lane = "tcp",
          .peer_can_be_killed = true};
}

std::vector<BackendSpec> backends_under_test() {
  return {{.name = "CudaIpcProcesses",
           .missing = missing_for_cuda_ipc,
           .make = cuda_ipc_processes,
           .put_lane = "cuda_ipc",
           .may_emulate = false,
           .peer_can_be_killed = true,
           .destroying_fences = false}};
}

}  // namespace pegaflow::transport::testing
