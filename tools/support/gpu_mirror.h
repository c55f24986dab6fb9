// GpuMirror: memory of a GPU with a twin in host memory, and copies between the two: how tools
// write and read pools that lie on a GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "memory/device.h"
#include "pegaflow/result.h"

namespace pegaflow::tools {

// The driver's name of a GPU given by ordinal or UUID. kNotFound, kUnsupported: no such GPU for
// this process, or none for this build.
Result<std::string> gpu_uuid_of(const std::string& gpu);

// Thread safe.
class GpuMirror {
 public:
  // `gpu`: an ordinal or UUID; errors as gpu_uuid_of's.
  static Result<std::unique_ptr<GpuMirror>> create(const std::string& gpu);
  const std::string& gpu() const { return device_->gpu_uuid(); }  // UUID

  // Memory on the GPU for `twin`, which outlives this; returns its address there.
  // kResourceExhausted.
  Result<std::uint64_t> add(std::span<std::byte> twin);

  // Makes the GPU's bytes what the twin's are, or the other way round; each part lies within one
  // twin. Returns when all of it is done.
  Status to_gpu(std::span<const std::span<std::byte>> parts);
  Status to_host(std::span<const std::span<std::byte>> parts);

 private:
  enum class Way : std::uint8_t { kToGpu, kToHost };
  struct Twin {
    std::span<std::byte> host;
    std::unique_ptr<memory::Segment> segment;
  };
  explicit GpuMirror(std::unique_ptr<memory::Device> device) : device_(std::move(device)) {}
  Status copy(std::span<const std::span<std::byte>> parts, Way way);
  std::span<std::byte> on_gpu(std::span<std::byte> part) const;

  // In the order in which they need each other.
  std::unique_ptr<memory::Device> device_;
  std::mutex mutex_;
  std::vector<Twin> twins_;                     // guarded by mutex_
  std::unique_ptr<memory::SlotCopier> copier_;  // guarded by mutex_
};

}  // namespace pegaflow::tools
