#include "tests/memory/cuda/gpu_fixture.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace pegaflow::memory::cuda::testing {

void need(const Status& status) {
  if (status.ok()) return;
  ADD_FAILURE() << status.error().message();
  std::abort();
}

void GpuTest::open(int gpus) {
  const Status support = gpu_support();
  if (!support.ok()) GTEST_SKIP() << support.error().message();
  for (int i = static_cast<int>(devices_.size()); i < gpus; ++i) {
    auto device = open_gpu(std::to_string(i));
    if (!device.ok()) GTEST_SKIP() << device.error().message();
    devices_.push_back(std::move(device).value());
    contexts_.push_back(need(Context::open(std::to_string(i))));
  }
  need(devices_[0]->attach_thread());
}

void upload(const Context& context, CUdeviceptr to, std::span<const std::byte> from) {
  const ContextUse use(context);
  const Stream stream = need(make_stream(context));
  need(context.check(context.api().cuMemcpyHtoDAsync(to, from.data(), from.size(), stream.get()),
                     "upload"));
  need(context.check(context.api().cuStreamSynchronize(stream.get()), "upload"));
}

std::vector<std::byte> download(const Context& context, const void* from, std::size_t bytes) {
  const ContextUse use(context);
  std::vector<std::byte> copy(bytes);
  const Stream stream = need(make_stream(context));
  need(context.check(
      context.api().cuMemcpyAsync(reinterpret_cast<CUdeviceptr>(copy.data()),
                                  reinterpret_cast<CUdeviceptr>(from), bytes, stream.get()),
      "download"));
  need(context.check(context.api().cuStreamSynchronize(stream.get()), "download"));
  return copy;
}

std::vector<std::vector<std::byte>> contents(const core::testing::TestPool& pool) {
  std::vector<std::vector<std::byte>> all;
  for (const MemoryRange& range : pool.layout().allocations) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    const auto* const begin = reinterpret_cast<const std::byte*>(range.address);
    all.emplace_back(begin, begin + range.bytes);
  }
  return all;
}

GpuPool::GpuPool(const Context& context, const core::testing::TestPool& twin, std::size_t skew)
    : context_(context), layout_(std::make_unique<KvLayout>(twin.layout())) {
  const Stream stream = need(make_stream(context));
  layout_->memory = MemoryKind::kCuda;
  layout_->shape.gpu_uuid = context.uuid();
  const auto twins = twin.layout().allocations;
  const auto bytes = testing::contents(twin);
  for (std::size_t i = 0; i < twins.size(); ++i) {
    buffers_.push_back(need(allocate_device(context, twins[i].bytes + skew, stream.get())));
    need(context.check(context.api().cuStreamSynchronize(stream.get()), "clear"));
    const CUdeviceptr at = buffers_.back().get() + skew;
    layout_->allocations[i].address = at;
    upload(context, at, bytes[i]);
  }
  const auto translate = [&](std::uint64_t& address) {
    for (std::size_t i = 0; i < twins.size(); ++i) {
      const std::uint64_t offset = address - twins[i].address;
      if (address < twins[i].address || offset >= twins[i].bytes) continue;
      address = layout_->allocations[i].address + offset;
      return;
    }
  };
  for (KvGroupLayout& group : layout_->groups) {
    for (KvLayerLayout& layer : group.layers) {
      for (std::uint64_t& base : layer.part_base) translate(base);
    }
  }
}

std::vector<std::vector<std::byte>> GpuPool::contents() const {
  std::vector<std::vector<std::byte>> all;
  for (const MemoryRange& range : layout_->allocations) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    all.push_back(download(context_, reinterpret_cast<void*>(range.address), range.bytes));
  }
  return all;
}

std::vector<MoveResult> wait_for(Mover& mover, std::size_t jobs) {
  std::vector<MoveResult> results;
  std::array<MoveResult, 16> some;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (results.size() < jobs && std::chrono::steady_clock::now() < deadline) {
    const std::size_t n = mover.poll(some);
    results.insert(results.end(), some.begin(), some.begin() + static_cast<long>(n));
    if (n == 0) std::this_thread::yield();
  }
  EXPECT_EQ(results.size(), jobs);
  return results;
}

}  // namespace pegaflow::memory::cuda::testing
