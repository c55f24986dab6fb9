#include "memory/cuda/copy_engine.h"

#include <algorithm>

#include "core/copy_runs.h"

namespace pegaflow::memory::cuda {

CopyEngine::CopyEngine(const Context& context, std::uint64_t shortest_run)
    : context_(context), shortest_run_(shortest_run) {
  // Without the batched call a copy costs its thread microseconds.
  if (context.api().memcpy_batch == nullptr) shortest_run_ = 0;
  to_.reserve(kMaxRuns);
  from_.reserve(kMaxRuns);
  bytes_.reserve(kMaxRuns);
}

bool CopyEngine::take(const MoveJob& job) {
  if (shortest_run_ == 0 || job.direction != MoveDirection::kGather || !job.beside_compute) {
    return false;
  }
  const core::ChunkCell cell = core::cell(*job.plan, job.chunk);
  const core::GroupPlan& plan = job.plan->groups[cell.group_index];
  const std::size_t limit = std::min<std::uint64_t>(kMaxRuns, cell.bytes / shortest_run_);
  if (limit == 0) return false;
  to_.clear();
  from_.clear();
  bytes_.clear();
  std::size_t runs = 0;
  const auto slot = reinterpret_cast<CUdeviceptr>(job.slot.data());
  core::for_each_run(plan, cell, job.layout->shape.groups[plan.group],
                     job.layout->groups[plan.group], job.layout->shape.rank, job.tables[plan.group],
                     [&](std::uint64_t address, std::uint64_t offset, std::uint64_t bytes) {
                       if (++runs > limit) return;
                       to_.push_back(slot + offset);
                       from_.push_back(address);
                       bytes_.push_back(bytes);
                     });
  return runs <= limit;
}

Status CopyEngine::copy(CUstream stream) {
  return context_.check(copy_together(context_.api(), to_, from_, bytes_, stream),
                        "give copies to the copy engines");
}

}  // namespace pegaflow::memory::cuda
