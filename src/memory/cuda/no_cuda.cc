// What a build without CUDA says when a GPU is asked for.
#include "memory/device.h"

namespace pegaflow::memory {

Status gpu_support() {
  return Error(Code::kUnsupported,
               "this build has no CUDA (PEGAFLOW_CUDA=OFF, or nvcc was not there)");
}

Result<std::unique_ptr<Device>> open_gpu(std::string_view gpu) {
  return gpu_support().error().within("GPU \"" + std::string(gpu) + "\"");
}

}  // namespace pegaflow::memory
