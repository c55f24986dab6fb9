// Owners of driver objects: streams, events, device and pinned buffers. Made and destroyed in any
// thread; the context must outlive them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "memory/cuda/context.h"
#include "pegaflow/result.h"

namespace pegaflow::memory::cuda {

// One handle and the function that gives it back.
template <typename Traits>
class Owned {
 public:
  using Handle = typename Traits::Handle;
  Owned() = default;
  Owned(const Context& context, Handle handle) : context_(&context), handle_(handle) {}
  Owned(Owned&& other) noexcept
      : context_(std::exchange(other.context_, nullptr)),
        handle_(std::exchange(other.handle_, Handle{})) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(context_, other.context_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (context_ == nullptr) return;
    const ContextUse use(*context_);
    Traits::destroy(context_->api(), handle_);
  }
  Handle get() const { return handle_; }

 private:
  const Context* context_ = nullptr;
  Handle handle_{};
};

struct StreamTraits {
  using Handle = CUstream;
  static void destroy(const Api& api, CUstream stream) { api.cuStreamDestroy(stream); }
};
struct EventTraits {
  using Handle = CUevent;
  static void destroy(const Api& api, CUevent event) { api.cuEventDestroy(event); }
};
struct DeviceBufferTraits {
  using Handle = CUdeviceptr;
  static void destroy(const Api& api, CUdeviceptr at) { api.cuMemFree(at); }
};
struct HostBufferTraits {
  using Handle = std::byte*;
  static void destroy(const Api& api, std::byte* at) { api.cuMemFreeHost(at); }
};
struct ModuleTraits {
  using Handle = CUmodule;
  static void destroy(const Api& api, CUmodule module) { api.cuModuleUnload(module); }
};

using Stream = Owned<StreamTraits>;
using Event = Owned<EventTraits>;
using DeviceBuffer = Owned<DeviceBufferTraits>;
using HostBuffer = Owned<HostBufferTraits>;
using Module = Owned<ModuleTraits>;

// Of the highest priority, and never waiting for the legacy default stream.
Result<Stream> make_stream(const Context& context);
Result<Event> make_event(const Context& context);  // without timing
// Zeroed once `stream` has come so far.
Result<DeviceBuffer> allocate_device(const Context& context, std::size_t bytes, CUstream stream);
// Zeroed, pinned, and in reach of kernels by the same address.
Result<HostBuffer> allocate_host(const Context& context, std::size_t bytes);

}  // namespace pegaflow::memory::cuda
