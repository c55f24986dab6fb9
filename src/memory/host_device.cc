#include "memory/host_device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bounded_queue.h"
#include "base/check.h"
#include "memory/host_mover.h"
#include "memory/shared_memory.h"

namespace pegaflow::memory {
namespace {

class HostSegment final : public Segment {
 public:
  explicit HostSegment(SharedMemory memory) : memory_(std::move(memory)) {}
  std::span<std::byte> bytes() const override { return memory_.bytes(); }
  int fd() const override { return memory_.fd(); }
  Result<UniqueFd> export_dmabuf() const override {
    return Error(Code::kUnsupported, "host memory is registered by its address, not as a dma-buf");
  }

 private:
  SharedMemory memory_;
};

// Nothing to do: the CPU reads all of it.
class HostPin final : public Pin {};

class HostStreams final : public Streams {
 public:
  Result<Mark> record(StreamHandle stream) override {
    PEGAFLOW_TRY(check(stream));
    return Mark{1};
  }
  Result<bool> passed(Mark /*mark*/) override { return true; }
  Status make_wait(StreamHandle stream, Mark /*mark*/) override { return check(stream); }
  void release(Mark /*mark*/) override {}

 private:
  static Status check(StreamHandle stream) {
    if (stream == kNoStream) return {};
    return Error{Code::kUnsupported, "stream " + std::to_string(stream) +
                                         ": the pool is host memory, it has no streams"};
  }
};

class HostSlotCopier final : public SlotCopier {
 public:
  explicit HostSlotCopier(std::size_t limit) : copied_(limit) {}
  std::size_t limit() const override { return copied_.capacity(); }
  std::size_t batch() const override { return 1; }
  void start(std::span<const SlotCopy> copies) override {
    for (const SlotCopy& copy : copies) {
      PEGAFLOW_CHECK(!copied_.full() && copy.from.size() <= copy.to.size());
      std::memcpy(copy.to.data(), copy.from.data(), copy.from.size());
      copied_.try_push(SlotCopied{copy.cookie, true});
    }
  }
  std::size_t poll(std::span<SlotCopied> out) override {
    const std::size_t count = std::min(out.size(), copied_.size());
    for (std::size_t i = 0; i < count; ++i) out[i] = *copied_.try_pop();
    return count;
  }

 private:
  FixedFifo<SlotCopied> copied_;
};

Status check_memory_kind(MemoryKind memory) {
  switch (memory) {
    case MemoryKind::kHost:
      return {};
    case MemoryKind::kCuda:
      return Error(Code::kUnsupported, "GPU memory, but no GPU was opened to hold or map it");
  }
  return Error(Code::kUnsupported,
               "unknown kind of memory " + std::to_string(static_cast<unsigned>(memory)));
}

}  // namespace

const std::string& HostDevice::gpu_uuid() const {
  static const std::string kNone;
  return kNone;
}

Result<std::unique_ptr<Mover>> HostDevice::make_mover(const MoverConfig& /*config*/,
                                                      const Clock& clock) {
  return std::unique_ptr<Mover>(std::make_unique<HostMover>(clock));
}

Result<std::unique_ptr<Streams>> HostDevice::make_streams(std::size_t /*max_marks*/) {
  return std::unique_ptr<Streams>(std::make_unique<HostStreams>());
}

Result<std::unique_ptr<SlotCopier>> HostDevice::make_slot_copier(std::size_t limit) {
  return std::unique_ptr<SlotCopier>(std::make_unique<HostSlotCopier>(limit));
}

Result<std::unique_ptr<Segment>> HostDevice::create_segment(MemoryKind memory,
                                                            const std::string& name,
                                                            std::uint64_t bytes) {
  PEGAFLOW_TRY(check_memory_kind(memory));
  PEGAFLOW_ASSIGN(SharedMemory shared, SharedMemory::create(name, bytes));
  return std::unique_ptr<Segment>(std::make_unique<HostSegment>(std::move(shared)));
}

Result<std::unique_ptr<Segment>> HostDevice::map_segment(MemoryKind memory, std::string_view what,
                                                         UniqueFd fd, std::uint64_t bytes) {
  PEGAFLOW_TRY(check_memory_kind(memory));
  PEGAFLOW_ASSIGN(SharedMemory shared, SharedMemory::map(what, std::move(fd), bytes));
  return std::unique_ptr<Segment>(std::make_unique<HostSegment>(std::move(shared)));
}

Result<std::unique_ptr<Pin>> HostDevice::pin(std::span<std::byte> /*memory*/) {
  return std::unique_ptr<Pin>(std::make_unique<HostPin>());
}

Result<std::unique_ptr<Segment>> Device::create_private(std::uint64_t /*bytes*/) {
  return Error(Code::kUnsupported, "private GPU memory: this device is a host");
}

std::unique_ptr<Device> make_host_device() { return std::make_unique<HostDevice>(); }

}  // namespace pegaflow::memory
