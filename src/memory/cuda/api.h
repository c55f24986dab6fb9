// The driver API as a table of functions, filled at run time from libcuda: nothing here links it,
// so that a CUDA build starts on a machine without a driver. The runtime library (cudart) is not
// used at all; an engine may bring whichever it likes.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <span>
#include <string>

#include "pegaflow/result.h"

namespace pegaflow::memory::cuda {

// Every function that is called. cuda.h maps plain names to the versions it declares.
#define PEGAFLOW_CUDA_FUNCTIONS(X)     \
  X(cuInit)                            \
  X(cuDriverGetVersion)                \
  X(cuGetErrorName)                    \
  X(cuGetErrorString)                  \
  X(cuDeviceGet)                       \
  X(cuDeviceGetCount)                  \
  X(cuDeviceGetUuid)                   \
  X(cuDeviceGetName)                   \
  X(cuDeviceGetAttribute)              \
  X(cuDeviceCanAccessPeer)             \
  X(cuDevicePrimaryCtxRetain)          \
  X(cuDevicePrimaryCtxRelease)         \
  X(cuCtxGetCurrent)                   \
  X(cuCtxSetCurrent)                   \
  X(cuCtxGetStreamPriorityRange)       \
  X(cuThreadExchangeStreamCaptureMode) \
  X(cuStreamCreateWithPriority)        \
  X(cuStreamDestroy)                   \
  X(cuStreamQuery)                     \
  X(cuStreamSynchronize)               \
  X(cuStreamWaitEvent)                 \
  X(cuStreamIsCapturing)               \
  X(cuEventCreate)                     \
  X(cuEventDestroy)                    \
  X(cuEventRecord)                     \
  X(cuEventQuery)                      \
  X(cuMemAlloc)                        \
  X(cuMemFree)                         \
  X(cuMemHostAlloc)                    \
  X(cuMemFreeHost)                     \
  X(cuMemHostRegister)                 \
  X(cuMemHostUnregister)               \
  X(cuMemCreate)                       \
  X(cuMemRelease)                      \
  X(cuMemAddressReserve)               \
  X(cuMemAddressFree)                  \
  X(cuMemMap)                          \
  X(cuMemUnmap)                        \
  X(cuMemSetAccess)                    \
  X(cuMemGetAllocationGranularity)     \
  X(cuMemExportToShareableHandle)      \
  X(cuMemImportFromShareableHandle)    \
  X(cuMemGetHandleForAddressRange)     \
  X(cuMemcpyAsync)                     \
  X(cuMemcpyHtoDAsync)                 \
  X(cuMemsetD8Async)                   \
  X(cuPointerGetAttribute)             \
  X(cuModuleLoadData)                  \
  X(cuModuleUnload)                    \
  X(cuModuleGetFunction)               \
  X(cuLaunchKernel)

struct Api {
#define PEGAFLOW_CUDA_MEMBER(name) decltype(&::name) name = nullptr;
  PEGAFLOW_CUDA_FUNCTIONS(PEGAFLOW_CUDA_MEMBER)
#undef PEGAFLOW_CUDA_MEMBER
  // Where the driver has it (12.8 and newer): many copies in one call.
  using MemcpyBatch = CUresult (*)(CUdeviceptr*, CUdeviceptr*, std::size_t*, std::size_t,
                                   CUmemcpyAttributes*, std::size_t*, std::size_t, CUstream);
  MemcpyBatch memcpy_batch = nullptr;
};

// Loads libcuda and initialises it, once per process; it stays loaded. kUnsupported: no driver, no
// GPU, or too old a driver (says which). Thread safe.
Result<const Api*> load_api();

// One call for all copies; each begins after what `stream` was given before. REQUIRES memcpy_batch,
// and spans of the same length.
CUresult copy_together(const Api& api, std::span<CUdeviceptr> to, std::span<CUdeviceptr> from,
                       std::span<std::size_t> bytes, CUstream stream);

// kSystem with the driver's name and text for `result`, or ok. `what` says what was tried.
Status check(const Api& api, CUresult result, const std::string& what);

}  // namespace pegaflow::memory::cuda
