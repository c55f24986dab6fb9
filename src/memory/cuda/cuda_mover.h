// CudaMover: the Mover for a GPU's memory; kernels on streams of its own, in the engine's context.
#pragma once

#include <array>
#include <memory>
#include <utility>

#include "base/inline_vector.h"
#include "memory/cuda/copy_engine.h"
#include "memory/cuda/gpu_clock.h"
#include "memory/cuda/kernels.h"
#include "memory/cuda/lane.h"
#include "memory/cuda/launch_builder.h"
#include "memory/cuda/pool_layers.h"
#include "memory/device.h"
#include "memory/mover.h"

namespace pegaflow::memory::cuda {

class CudaMover final : public Mover {
 public:
  // `context` and `clock` outlive this.
  static Result<std::unique_ptr<Mover>> create(const Context& context, const MoverConfig& config,
                                               const Clock& clock);
  ~CudaMover() override;  // waits for what runs

  Status add_pool(const KvLayout& layout) override { return pools_.add(layout); }
  Status check(const core::StreamPlan& plan, const KvLayout& layout) const override;
  std::size_t batch_limit() const override { return lanes_[0].places(); }
  std::size_t first_batch() const override { return kFirstLaunch; }
  std::uint64_t burst_bytes() const override { return config_.burst_bytes; }
  void submit(std::span<const MoveJob> jobs) override;
  void expect(MoveDirection direction) override;
  std::size_t poll(std::span<MoveResult> out) override;
  Status fence(MoveDirection direction, StreamHandle stream) override;

 private:
  // The first launch of an idle direction takes few slots, the next one twice as many, and so on:
  // claiming and preparing a slot takes the host a microsecond, in which the GPU could copy.
  static constexpr std::uint32_t kFirstLaunch = 4;
  // Slots that one launch can take together.
  struct Batch {
    Launch launch;
    std::uint32_t unit_bytes = 0;
    bool sum = false;
    bool copied = false;  // by copy engine: only to be summed and reported
    std::uint64_t longest = 0, bytes = 0;
    std::size_t n_ids = 0;
    CUstream stream = nullptr;
    // Of each slot: its place and its block ids.
    InlineVector<std::pair<std::size_t, std::span<const std::uint32_t>>, kMaxLaunchSlots> ids;
  };
  CudaMover(const Context& context, const MoverConfig& config, const Clock& clock,
            std::array<Lane, 2> lanes, PoolLayers pools, Kernels kernels);
  Status warm_up();
  void add(Lane& lane, Batch& batch, const MoveJob& job);
  void begin(Lane& lane, Batch& batch);
  void place_ids(Lane& lane, Batch& batch);
  void flush(MoveDirection direction, Batch& batch);
  CUfunction kernel_for(MoveDirection direction, const Batch& batch) const;
  void note(const Status& status);
  std::size_t poll_lane(Lane& lane, std::span<MoveResult> out);
  MoveResult result_of(const Place& place, const SlotResult& report);
  void look_for_loss();
  std::size_t give_up(Lane& lane, std::span<MoveResult> out);
  Lane& lane(MoveDirection direction) { return lanes_[static_cast<std::size_t>(direction)]; }

  const Context& context_;
  const MoverConfig config_;
  const Clock& clock_;
  std::array<Lane, 2> lanes_;  // by direction
  PoolLayers pools_;
  Kernels kernels_;
  CopyEngine copy_engine_;
  GpuClock gpu_clock_;
  TimePoint progress_at_;  // when a job last ended, or the streams were looked at
  bool lost_ = false;      // the context is of no more use
};

}  // namespace pegaflow::memory::cuda
