// Mover: copies chunks between a pool and slots. One per client; all calls on one thread.
// Backends: the host's memcpy (host_mover), later CUDA kernels.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/copy_runs.h"
#include "core/plan.h"
#include "memory/slot_memory.h"
#include "pegaflow/kv_layout.h"

namespace pegaflow::memory {

enum class MoveDirection : std::uint8_t { kGather, kScatter };

// Everything named here stays valid until the job is reported.
struct MoveJob {
  MoveDirection direction{};
  std::uint64_t cookie = 0;  // given back in the result
  const core::StreamPlan* plan = nullptr;
  ChunkIndex chunk;
  const KvLayout* layout = nullptr;
  std::span<const core::TableView> tables;  // one per group of the layout; checked by the caller
  std::span<std::byte> slot;                // at least the chunk's bytes
  bool integrity = false;                   // compute (gather) or verify (scatter) CRC32C
  std::uint32_t checksum = 0;               // scatter: what the source computed
  // Gather only: the header is completed (checksum, t_start, t_end), then the word is stored with
  // release order; on a GPU by the kernel itself.
  SlotHeader* header = nullptr;
  std::atomic<std::uint64_t>* word = nullptr;
  std::uint64_t filled_word = 0;
};

struct MoveResult {
  std::uint64_t cookie = 0;
  bool ok = false;  // scatter: the checksum agreed
  std::uint32_t checksum = 0;
  std::uint64_t nanos = 0;  // copy time
};

class Mover {
 public:
  virtual ~Mover() = default;
  // How many gathers may be claimed at once (one launch batch; 1 for memcpy).
  virtual std::size_t batch_limit() const = 0;
  // Starts (or, on the host, runs) up to batch_limit() jobs. No allocation.
  virtual void submit(std::span<const MoveJob> jobs) = 0;
  // Finished jobs, oldest first; returns how many were written to `out`.
  virtual std::size_t poll(std::span<MoveResult> out) = 0;
};

}  // namespace pegaflow::memory
