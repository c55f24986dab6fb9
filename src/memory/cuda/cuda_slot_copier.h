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
  void start(const SlotCopy& copy) override;
  std::size_t poll(std::span<SlotCopied> out) override;

 private:
  // So that the next copy begins while one ends.
  static constexpr std::size_t kStreams = 2;
  struct Running {
    std::uint64_t cookie = 0;
    std::size_t event = 0;
    bool refused = false;  // by the driver
  };
  CudaSlotCopier(const Context& context, std::size_t limit) : context_(context), running_(limit) {}

  const Context& context_;
  std::array<Stream, kStreams> streams_;
  std::vector<Event> events_;
  FixedFifo<Running> running_;
  std::size_t started_ = 0;
};

}  // namespace pegaflow::memory::cuda
