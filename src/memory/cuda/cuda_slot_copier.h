// CudaSlotCopier: slot to slot by copy engine, over NVLink or PCIe.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/bounded_queue.h"
#include "memory/cuda/resources.h"
#include "memory/slot_copier.h"

namespace pegaflow::memory::cuda {

class CudaSlotCopier final : public SlotCopier {
 public:
  // `context` outlives this.
  static Result<std::unique_ptr<SlotCopier>> create(const Context& context, std::size_t limit);
  ~CudaSlotCopier() override;  // waits for what runs

  std::size_t limit() const override { return events_.size(); }
  std::size_t batch() const override { return kBatch; }
  void start(std::span<const SlotCopy> copies) override;
  std::size_t poll(std::span<SlotCopied> out) override;

 private:
  // Between two copies that are given one by one the engine pauses for 2.5 µs.
  static constexpr std::size_t kBatch = 4;
  // So that the next batch begins while one ends.
  static constexpr std::size_t kStreams = 2;
  struct Running {
    std::uint64_t cookie = 0;
    std::size_t event = 0;
    bool refused = false;  // by the driver
  };
  CudaSlotCopier(const Context& context, std::size_t limit) : context_(context), running_(limit) {}
  bool copy(std::span<const SlotCopy> copies, CUstream stream);

  const Context& context_;
  std::array<Stream, kStreams> streams_;
  std::vector<Event> events_;
  FixedFifo<Running> running_;
  std::size_t started_ = 0;  // batches
};

}  // namespace pegaflow::memory::cuda
