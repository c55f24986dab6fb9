#include "memory/cuda/kernels.h"

#include <bit>
#include <string>

namespace pegaflow::memory::cuda {
namespace {

Status find(const Context& context, CUmodule module, const std::string& name, CUfunction& kernel) {
  return context.check(context.api().cuModuleGetFunction(&kernel, module, name.c_str()),
                       "find kernel " + name);
}

std::size_t row(std::uint32_t unit_bytes) { return std::countr_zero(unit_bytes); }

}  // namespace

Result<Kernels> Kernels::load(const Context& context) {
  const ContextUse use(context);
  CUmodule module = nullptr;
  const CUresult loaded = context.api().cuModuleLoadData(&module, kernel_image().data());
  if (loaded == CUDA_ERROR_NO_BINARY_FOR_GPU || loaded == CUDA_ERROR_UNSUPPORTED_PTX_VERSION) {
    return Error(Code::kUnsupported,
                 context.check(loaded, "load the kernels").error().message() +
                     "; expected compute capability 8.0 or newer, and a driver of the CUDA version "
                     "that this build was made with");
  }
  PEGAFLOW_TRY(context.check(loaded, "load the kernels"));
  Kernels kernels(Module(context, module));
  PEGAFLOW_TRY(kernels.find(context));
  return kernels;
}

Status Kernels::find(const Context& context) {
  const CUmodule module = module_.get();
  for (std::uint32_t bytes = 1; bytes <= 16; bytes *= 2) {
    const std::string width = std::to_string(bytes);
    auto& gathers = gather_[row(bytes)];
    auto& scatters = scatter_[row(bytes)];
    PEGAFLOW_TRY(cuda::find(context, module, "gather_" + width, gathers[0]));
    PEGAFLOW_TRY(cuda::find(context, module, "gather_sum_" + width, gathers[1]));
    PEGAFLOW_TRY(cuda::find(context, module, "scatter_" + width, scatters[0]));
    PEGAFLOW_TRY(cuda::find(context, module, "scatter_sum_" + width, scatters[1]));
    PEGAFLOW_TRY(cuda::find(context, module, "sum_" + width, sum_[row(bytes)]));
  }
  return cuda::find(context, module, "finish", finish_);
}

CUfunction Kernels::gather(std::uint32_t unit_bytes, bool sum) const {
  return gather_[row(unit_bytes)][sum ? 1 : 0];
}

CUfunction Kernels::scatter(std::uint32_t unit_bytes, bool sum) const {
  return scatter_[row(unit_bytes)][sum ? 1 : 0];
}

CUfunction Kernels::sum(std::uint32_t unit_bytes) const { return sum_[row(unit_bytes)]; }

Status launch(const Context& context, CUstream stream, CUfunction kernel, std::uint32_t ctas,
              Launch& launch) {
  void* parameters[] = {&launch};
  return context.check(context.api().cuLaunchKernel(kernel, ctas, 1, 1, kThreads, 1, 1, 0, stream,
                                                    parameters, nullptr),
                       "launch a copy kernel");
}

}  // namespace pegaflow::memory::cuda
