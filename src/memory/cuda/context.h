// Context: a GPU's primary context, which this process's runtime library (the engine's) uses, too.
// It is retained, never created anew, reset or given flags.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "memory/cuda/api.h"
#include "pegaflow/result.h"

namespace pegaflow::memory::cuda {

// Owns a reference to the context. Addresses stay; not movable, others point to it. Thread safe.
class Context {
 public:
  // By UUID ("GPU-…", or a unique beginning) or by ordinal ("0").
  static Result<std::unique_ptr<Context>> open(std::string_view gpu);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Api& api() const { return api_; }
  CUdevice device() const { return device_; }
  CUcontext handle() const { return handle_; }
  const std::string& uuid() const { return uuid_; }
  int attribute(CUdevice_attribute which) const;
  // UUIDs of the GPUs that this process sees and whose memory this one reaches; itself included.
  std::vector<std::string> reaches() const;

  // Makes the context current in the calling thread for good, and lets the thread's calls be made
  // while other threads capture streams.
  Status attach_thread() const;
  // kSystem with the driver's words, or ok.
  Status check(CUresult result, const std::string& what) const {
    return cuda::check(api_, result, what + " on " + uuid_);
  }

 private:
  Context(const Api& api, CUdevice device, CUcontext handle, std::string uuid)
      : api_(api), device_(device), handle_(handle), uuid_(std::move(uuid)) {}
  const Api& api_;
  CUdevice device_;
  CUcontext handle_;
  std::string uuid_;
};

// While it lives, the context is current in this thread and the thread's calls do not disturb
// captures: for calls on the engine's threads, whose state is restored.
class ContextUse {
 public:
  explicit ContextUse(const Context& context);
  ~ContextUse();
  ContextUse(const ContextUse&) = delete;
  ContextUse& operator=(const ContextUse&) = delete;

 private:
  const Context& context_;
  CUcontext before_ = nullptr;
  CUstreamCaptureMode mode_ = CU_STREAM_CAPTURE_MODE_RELAXED;
};

}  // namespace pegaflow::memory::cuda
