// CudaDevice: the Device of one GPU.
#include "memory/cuda/api.h"
#include "memory/cuda/cuda_mover.h"
#include "memory/cuda/cuda_segment.h"
#include "memory/cuda/cuda_slot_copier.h"
#include "memory/cuda/cuda_streams.h"
#include "memory/cuda/process_memory.h"
#include "memory/host_device.h"

namespace pegaflow::memory {
namespace cuda {
namespace {

// A host segment that kernels reach.
class PinnedSegment final : public Segment {
 public:
  PinnedSegment(std::unique_ptr<Segment> segment, std::unique_ptr<Pin> pin)
      : segment_(std::move(segment)), pin_(std::move(pin)) {}
  std::span<std::byte> bytes() const override { return segment_->bytes(); }
  int fd() const override { return segment_->fd(); }
  Result<UniqueFd> export_dmabuf() const override { return segment_->export_dmabuf(); }

 private:
  std::unique_ptr<Segment> segment_;
  std::unique_ptr<Pin> pin_;  // goes before what it pins
};

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(std::unique_ptr<Context> context) : context_(std::move(context)) {}

  MemoryKind memory() const override { return MemoryKind::kCuda; }
  const std::string& gpu_uuid() const override { return context_->uuid(); }
  std::vector<std::string> reaches() const override { return context_->reaches(); }
  std::optional<std::uint64_t> process_bytes() const override {
    return memory_of_this_process(context_->uuid());
  }
  Status attach_thread() override { return context_->attach_thread(); }

  Result<std::unique_ptr<Mover>> make_mover(const MoverConfig& config,
                                            const Clock& clock) override {
    return CudaMover::create(*context_, config, clock);
  }
  Result<std::unique_ptr<Streams>> make_streams(std::size_t max_marks) override {
    return CudaStreams::create(*context_, max_marks);
  }
  Result<std::unique_ptr<SlotCopier>> make_slot_copier(std::size_t limit) override {
    return CudaSlotCopier::create(*context_, limit);
  }
  Result<std::unique_ptr<Segment>> create_segment(MemoryKind memory, const std::string& name,
                                                  std::uint64_t bytes) override {
    if (memory == MemoryKind::kCuda) return create_gpu_segment(*context_, name, bytes);
    return pinned(host_.create_segment(memory, name, bytes));
  }
  Result<std::unique_ptr<Segment>> map_segment(MemoryKind memory, std::string_view what,
                                               UniqueFd fd, std::uint64_t bytes) override {
    if (memory == MemoryKind::kCuda) {
      return map_gpu_segment(*context_, what, std::move(fd), bytes);
    }
    return pinned(host_.map_segment(memory, what, std::move(fd), bytes));
  }
  Result<std::unique_ptr<Segment>> create_private(std::uint64_t bytes) override {
    return create_private_segment(*context_, bytes);
  }
  Result<std::unique_ptr<Pin>> pin(std::span<std::byte> memory) override {
    return pin_host_memory(*context_, memory);
  }

 private:
  Result<std::unique_ptr<Segment>> pinned(Result<std::unique_ptr<Segment>> segment) {
    if (!segment.ok()) return segment;
    PEGAFLOW_ASSIGN(auto pin, pin_host_memory(*context_, (*segment)->bytes()));
    return std::unique_ptr<Segment>(
        std::make_unique<PinnedSegment>(std::move(segment).value(), std::move(pin)));
  }

  std::unique_ptr<Context> context_;
  HostDevice host_;
};

}  // namespace
}  // namespace cuda

Status gpu_support() {
  const auto api = cuda::load_api();
  if (!api.ok()) return api.error();
  return {};
}

Result<std::unique_ptr<Device>> open_gpu(std::string_view gpu) {
  auto context = cuda::Context::open(gpu);
  if (!context.ok()) return context.error().within("GPU \"" + std::string(gpu) + "\"");
  return std::unique_ptr<Device>(std::make_unique<cuda::CudaDevice>(std::move(*context)));
}

}  // namespace pegaflow::memory
