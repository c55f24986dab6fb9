#include "memory/cuda/resources.h"

#include <cstring>

namespace pegaflow::memory::cuda {

Result<Stream> make_stream(const Context& context) {
  const ContextUse use(context);
  int lowest = 0;
  int highest = 0;
  PEGAFLOW_TRY(context.check(context.api().cuCtxGetStreamPriorityRange(&lowest, &highest),
                             "ask for stream priorities"));
  CUstream stream = nullptr;
  PEGAFLOW_TRY(context.check(
      context.api().cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, highest),
      "make a stream"));
  return Stream(context, stream);
}

Result<Event> make_event(const Context& context) {
  const ContextUse use(context);
  CUevent event = nullptr;
  PEGAFLOW_TRY(
      context.check(context.api().cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), "make an event"));
  return Event(context, event);
}

Result<DeviceBuffer> allocate_device(const Context& context, std::size_t bytes, CUstream stream) {
  const ContextUse use(context);
  CUdeviceptr at = 0;
  PEGAFLOW_TRY(context.check(context.api().cuMemAlloc(&at, bytes),
                             "allocate " + std::to_string(bytes) + " bytes"));
  DeviceBuffer buffer(context, at);
  PEGAFLOW_TRY(
      context.check(context.api().cuMemsetD8Async(at, 0, bytes, stream), "clear a buffer"));
  return buffer;
}

Result<HostBuffer> allocate_host(const Context& context, std::size_t bytes) {
  const ContextUse use(context);
  void* at = nullptr;
  PEGAFLOW_TRY(context.check(context.api().cuMemHostAlloc(
                                 &at, bytes, CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP),
                             "allocate " + std::to_string(bytes) + " bytes of pinned host memory"));
  std::memset(at, 0, bytes);
  return HostBuffer(context, static_cast<std::byte*>(at));
}

}  // namespace pegaflow::memory::cuda
