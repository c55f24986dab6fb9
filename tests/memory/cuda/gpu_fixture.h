// What GPU tests share: a GPU or a reason to skip, and pools in its memory beside their twins on
// the host.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "memory/cuda/resources.h"
#include "memory/device.h"
#include "tests/core/layouts.h"

namespace pegaflow::memory::cuda::testing {

// Aborts the test program with the error's text: only for what a test takes for granted.
template <typename T>
T need(Result<T> result) {
  if (!result.ok()) {
    ADD_FAILURE() << result.error().message();
    std::abort();
  }
  return std::move(result).value();
}
void need(const Status& status);

// Opens GPU `ordinal` as product code does, and once more for the test's own use.
class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override { open(1); }
  // Skips without so many GPUs; says what is missing.
  void open(int gpus);
  Device& device(int gpu = 0) { return *devices_[gpu]; }
  const Context& context(int gpu = 0) { return *contexts_[gpu]; }
  bool ready() const { return !devices_.empty(); }

 private:
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<std::unique_ptr<Context>> contexts_;
};

// Copies that the test waits for.
void upload(const Context& context, CUdeviceptr to, std::span<const std::byte> from);
std::vector<std::byte> download(const Context& context, const void* from, std::size_t bytes);

// What each allocation of a pool in host memory holds.
std::vector<std::vector<std::byte>> contents(const core::testing::TestPool& pool);

// A pool on the GPU with the shape, strides and content of one on the host. `skew` shifts its
// memory from the alignment that the driver gives.
class GpuPool {
 public:
  GpuPool(const Context& context, const core::testing::TestPool& twin, std::size_t skew = 0);
  const KvLayout& layout() const { return *layout_; }
  std::vector<std::vector<std::byte>> contents() const;  // as of its twin

 private:
  const Context& context_;
  std::vector<DeviceBuffer> buffers_;
  std::unique_ptr<KvLayout> layout_;  // its address is known to movers
};

// Polls until so many jobs have ended; fails after a generous while.
std::vector<MoveResult> wait_for(Mover& mover, std::size_t jobs);

}  // namespace pegaflow::memory::cuda::testing
