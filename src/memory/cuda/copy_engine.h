// CopyEngine: gathers made of few long runs, given to the GPU's copy engines while its SMs are the
// engine's.
#pragma once

#include <vector>

#include "memory/cuda/context.h"
#include "memory/mover.h"

namespace pegaflow::memory::cuda {

// Not thread safe; no allocation after construction.
class CopyEngine {
 public:
  // Jobs of runs shorter than this on average stay with kernels, as those do that run beside no
  // compute; 0: all do.
  CopyEngine(const Context& context, std::uint64_t shortest_run);

  // Collects the job's runs if it suits; false: let a kernel do it.
  bool take(const MoveJob& job);
  // Queues the copies of the job taken last.
  Status copy(CUstream stream);

 private:
  static constexpr std::size_t kMaxRuns = 512;
  const Context& context_;
  std::uint64_t shortest_run_;
  std::vector<CUdeviceptr> to_, from_;
  std::vector<std::size_t> bytes_;
};

}  // namespace pegaflow::memory::cuda
