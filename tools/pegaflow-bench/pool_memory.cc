#include "pegaflow-bench/pool_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/clock.h"
#include "memory/device.h"

namespace pegaflow::bench {
namespace {

// How long a copy to or from a GPU may take.
constexpr std::chrono::seconds kCopyDeadline{60};

// Private memory of this process, touched.
class Mapping {
 public:
  static Result<Mapping> create(std::uint64_t bytes) {
    void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) {
      return Error(Code::kResourceExhausted,
                   "cannot map a pool of " + std::to_string(bytes) + " bytes: " + strerror(errno));
    }
    return Mapping({static_cast<std::byte*>(at), bytes});
  }
  Mapping(Mapping&& other) noexcept : memory_(std::exchange(other.memory_, {})) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
  }
  std::span<std::byte> bytes() const { return memory_; }

 private:
  explicit Mapping(std::span<std::byte> memory) : memory_(memory) {}
  std::span<std::byte> memory_;
};

class HostPool final : public PoolMemory {
 public:
  explicit HostPool(Mapping mapping) : mapping_(std::move(mapping)) {}
  std::uint64_t address() const override {
    return reinterpret_cast<std::uint64_t>(mapping_.bytes().data());
  }
  std::uint64_t bytes() const override { return mapping_.bytes().size(); }
  std::string gpu() const override { return {}; }
  std::span<std::byte> view() override { return mapping_.bytes(); }
  Status flush() override { return {}; }
  Status fetch() override { return {}; }

 private:
  Mapping mapping_;
};

class GpuPool final : public PoolMemory {
 public:
  static Result<std::unique_ptr<PoolMemory>> create(std::uint64_t bytes, const std::string& gpu) {
    PEGAFLOW_ASSIGN(auto device, memory::open_gpu(gpu));
    PEGAFLOW_TRY(device->attach_thread());
    PEGAFLOW_ASSIGN(auto segment, device->create_segment(MemoryKind::kCuda, "pool", bytes));
    PEGAFLOW_ASSIGN(auto copier, device->make_slot_copier(1));
    PEGAFLOW_ASSIGN(auto view, Mapping::create(bytes));
    return std::unique_ptr<PoolMemory>(
        new GpuPool(std::move(device), std::move(segment), std::move(copier), std::move(view)));
  }
  std::uint64_t address() const override {
    return reinterpret_cast<std::uint64_t>(segment_->bytes().data());
  }
  std::uint64_t bytes() const override { return view_.bytes().size(); }
  std::string gpu() const override { return device_->gpu_uuid(); }
  std::span<std::byte> view() override { return view_.bytes(); }
  Status flush() override { return copy(segment_->bytes(), view_.bytes()); }
  Status fetch() override { return copy(view_.bytes(), segment_->bytes()); }

 private:
  GpuPool(std::unique_ptr<memory::Device> device, std::unique_ptr<memory::Segment> segment,
          std::unique_ptr<memory::SlotCopier> copier, Mapping view)
      : device_(std::move(device)),
        segment_(std::move(segment)),
        copier_(std::move(copier)),
        view_(std::move(view)) {}

  Status copy(std::span<std::byte> to, std::span<const std::byte> from) {
    copier_->start({0, to, from});
    std::array<memory::SlotCopied, 1> copied;
    const TimePoint deadline = SteadyClock().now() + kCopyDeadline;
    while (copier_->poll(copied) == 0) {
      if (SteadyClock().now() < deadline) continue;
      return Error(Code::kDeadlineExceeded, "a copy to or from " + gpu() + " did not end");
    }
    if (copied[0].ok) return {};
    return Error(Code::kSystem, "a copy to or from " + gpu() + " failed");
  }

  // In the order in which they need each other.
  std::unique_ptr<memory::Device> device_;
  std::unique_ptr<memory::Segment> segment_;
  std::unique_ptr<memory::SlotCopier> copier_;
  Mapping view_;
};

}  // namespace

Result<std::unique_ptr<PoolMemory>> allocate_pool(MemoryKind kind, std::uint64_t bytes,
                                                  const std::string& gpu) {
  if (kind == MemoryKind::kCuda) return GpuPool::create(bytes, gpu);
  PEGAFLOW_ASSIGN(auto mapping, Mapping::create(bytes));
  return std::unique_ptr<PoolMemory>(new HostPool(std::move(mapping)));
}

}  // namespace pegaflow::bench
