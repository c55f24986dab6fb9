#include "memory/cuda/cuda_segment.h"

#include <unistd.h>

#include <utility>

#include "memory/cuda/resources.h"

namespace pegaflow::memory::cuda {
namespace {

CUmemLocation location(const Context& context) {
  CUmemLocation here{};
  here.type = CU_MEM_LOCATION_TYPE_DEVICE;
  here.id = context.device();
  return here;
}

CUmemAllocationProp properties(const Context& context) {
  CUmemAllocationProp prop{};
  prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  prop.location = location(context);
  prop.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  prop.allocFlags.gpuDirectRDMACapable = static_cast<unsigned char>(
      context.attribute(CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WITH_CUDA_VMM_SUPPORTED) != 0 ? 1 : 0);
  return prop;
}

// What the driver allocates for `bytes`: the same on all GPUs, so that both sides agree.
Result<std::size_t> allocated_bytes(const Context& context, std::uint64_t bytes) {
  const CUmemAllocationProp prop = properties(context);
  std::size_t granularity = 0;
  PEGAFLOW_TRY(context.check(context.api().cuMemGetAllocationGranularity(
                                 &granularity, &prop, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED),
                             "ask for the granularity of memory"));
  return (bytes + granularity - 1) / granularity * granularity;
}

// A physical allocation, and the addresses at which it is mapped, as far as it came.
class Mapping {
 public:
  Mapping(const Context& context, CUmemGenericAllocationHandle handle, std::size_t bytes)
      : context_(context), handle_(handle), bytes_(bytes) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    const ContextUse use(context_);
    const Api& api = context_.api();
    if (mapped_) api.cuMemUnmap(at_, bytes_);
    if (at_ != 0) api.cuMemAddressFree(at_, bytes_);
    api.cuMemRelease(handle_);
  }

  Status map() {
    const Api& api = context_.api();
    PEGAFLOW_TRY(
        context_.check(api.cuMemAddressReserve(&at_, bytes_, 0, 0, 0), "reserve addresses"));
    PEGAFLOW_TRY(context_.check(api.cuMemMap(at_, bytes_, 0, handle_, 0), "map memory"));
    mapped_ = true;
    const CUmemAccessDesc access{location(context_), CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    return context_.check(api.cuMemSetAccess(at_, bytes_, &access, 1), "get access to memory");
  }
  CUdeviceptr at() const { return at_; }
  std::size_t bytes() const { return bytes_; }

 private:
  const Context& context_;
  CUmemGenericAllocationHandle handle_;
  std::size_t bytes_;
  CUdeviceptr at_ = 0;
  bool mapped_ = false;
};

class GpuSegment final : public Segment {
 public:
  GpuSegment(const Context& context, std::unique_ptr<Mapping> mapping, UniqueFd fd,
             std::uint64_t bytes)
      : context_(context), mapping_(std::move(mapping)), fd_(std::move(fd)), bytes_(bytes) {}
  std::span<std::byte> bytes() const override {
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return {reinterpret_cast<std::byte*>(mapping_->at()), bytes_};
  }
  int fd() const override { return fd_.get(); }

  Result<UniqueFd> export_dmabuf() const override {
    if (context_.attribute(CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED) == 0) {
      return Error(Code::kUnsupported, context_.uuid() + " cannot export dma-bufs");
    }
    const ContextUse use(context_);
    int fd = -1;
    PEGAFLOW_TRY(context_.check(
        context_.api().cuMemGetHandleForAddressRange(&fd, mapping_->at(), mapping_->bytes(),
                                                     CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD, 0),
        "export memory as a dma-buf"));
    return UniqueFd(fd);
  }

 private:
  const Context& context_;
  std::unique_ptr<Mapping> mapping_;
  UniqueFd fd_;
  std::uint64_t bytes_;
};

class PrivateSegment final : public Segment {
 public:
  PrivateSegment(DeviceBuffer buffer, std::uint64_t bytes)
      : buffer_(std::move(buffer)), bytes_(bytes) {}
  std::span<std::byte> bytes() const override {
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return {reinterpret_cast<std::byte*>(buffer_.get()), bytes_};
  }
  int fd() const override { return -1; }
  Result<UniqueFd> export_dmabuf() const override {
    return Error(Code::kUnsupported, "private memory is not exported");
  }

 private:
  DeviceBuffer buffer_;
  std::uint64_t bytes_;
};

class HostPin final : public Pin {
 public:
  HostPin(const Context& context, void* at) : context_(context), at_(at) {}
  HostPin(const HostPin&) = delete;
  HostPin& operator=(const HostPin&) = delete;
  ~HostPin() override {
    const ContextUse use(context_);
    context_.api().cuMemHostUnregister(at_);
  }

 private:
  const Context& context_;
  void* at_;
};

}  // namespace

Result<std::unique_ptr<Segment>> create_gpu_segment(const Context& context, const std::string& name,
                                                    std::uint64_t bytes) {
  const ContextUse use(context);
  const Api& api = context.api();
  PEGAFLOW_ASSIGN(const std::size_t allocated, allocated_bytes(context, bytes));
  const CUmemAllocationProp prop = properties(context);
  CUmemGenericAllocationHandle handle = 0;
  const CUresult made = api.cuMemCreate(&handle, allocated, &prop, 0);
  if (made == CUDA_ERROR_OUT_OF_MEMORY) {
    return Error(Code::kResourceExhausted,
                 name + ": " + context.uuid() + " has not " + std::to_string(allocated) +
                     " bytes left; configure fewer or smaller slots, or start the agent before "
                     "the engines");
  }
  PEGAFLOW_TRY(context.check(made, "allocate " + std::to_string(allocated) + " bytes"));
  auto mapping = std::make_unique<Mapping>(context, handle, allocated);
  PEGAFLOW_TRY(mapping->map());
  int fd = -1;
  PEGAFLOW_TRY(context.check(
      api.cuMemExportToShareableHandle(&fd, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0),
      "export memory as a file"));
  return std::unique_ptr<Segment>(
      std::make_unique<GpuSegment>(context, std::move(mapping), UniqueFd(fd), bytes));
}

Result<std::unique_ptr<Segment>> map_gpu_segment(const Context& context, std::string_view what,
                                                 UniqueFd fd, std::uint64_t bytes) {
  const ContextUse use(context);
  PEGAFLOW_ASSIGN(const std::size_t allocated, allocated_bytes(context, bytes));
  // The driver takes the descriptor by value, in a pointer's place.
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  void* const file = reinterpret_cast<void*>(static_cast<std::uintptr_t>(fd.get()));
  CUmemGenericAllocationHandle handle = 0;
  const Status imported =
      context.check(context.api().cuMemImportFromShareableHandle(
                        &handle, file, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR),
                    "import GPU memory");
  if (!imported.ok()) {
    return Error(Code::kUnsupported, std::string(what) + ": " + imported.error().message() +
                                         "; is its GPU visible to this process?");
  }
  auto mapping = std::make_unique<Mapping>(context, handle, allocated);
  const Status mapped = mapping->map();
  if (!mapped.ok()) {
    return Error(Code::kUnsupported, std::string(what) + ": " + mapped.error().message() +
                                         "; does this GPU have peer access to the other?");
  }
  return std::unique_ptr<Segment>(
      std::make_unique<GpuSegment>(context, std::move(mapping), std::move(fd), bytes));
}

Result<std::unique_ptr<Segment>> create_private_segment(const Context& context,
                                                        std::uint64_t bytes) {
  PEGAFLOW_ASSIGN(const Stream stream, make_stream(context));
  PEGAFLOW_ASSIGN(DeviceBuffer buffer, allocate_device(context, bytes, stream.get()));
  const ContextUse use(context);
  PEGAFLOW_TRY(context.check(context.api().cuStreamSynchronize(stream.get()), "clear memory"));
  return std::unique_ptr<Segment>(std::make_unique<PrivateSegment>(std::move(buffer), bytes));
}

Result<std::unique_ptr<Pin>> pin_host_memory(const Context& context, std::span<std::byte> memory) {
  const ContextUse use(context);
  PEGAFLOW_TRY(context.check(
      context.api().cuMemHostRegister(memory.data(), memory.size(),
                                      CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP),
      "pin " + std::to_string(memory.size()) + " bytes of host memory"));
  return std::unique_ptr<Pin>(std::make_unique<HostPin>(context, memory.data()));
}

}  // namespace pegaflow::memory::cuda
