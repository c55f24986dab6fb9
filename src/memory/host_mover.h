// HostMover: the Mover for host memory; memcpy, one job at a time, inside submit().
#pragma once

#include <cstddef>
#include <span>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "memory/mover.h"

namespace pegaflow::memory {

class HostMover final : public Mover {
 public:
  // `clock` stamps headers (CLOCK_MONOTONIC) and outlives the mover. At most `max_unpolled` results
  // may wait for poll(): submitting more is a bug of the caller (CHECK).
  explicit HostMover(const Clock& clock, std::size_t max_unpolled = 64);

  Status add_pool(const KvLayout& layout) override;
  Status check(const core::StreamPlan& /*plan*/, const KvLayout& /*layout*/) const override {
    return {};
  }
  std::size_t batch_limit() const override { return 1; }
  void submit(std::span<const MoveJob> jobs) override;
  std::size_t poll(std::span<MoveResult> out) override;
  Status fence(MoveDirection direction, StreamHandle stream) override;

 private:
  MoveResult gather(const MoveJob& job);
  MoveResult scatter(const MoveJob& job);

  const Clock& clock_;
  FixedFifo<MoveResult> results_;
};

}  // namespace pegaflow::memory
