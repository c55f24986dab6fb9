// Mover: copies chunks between a pool and slots. One per client. Backends: the host's memcpy
// (host_mover), CUDA kernels (cuda/).
//
// Gating: a mover never waits for the engine. The client polls marks (streams.h) and submits a job
// only when its input is ready, so nothing that is claimed queues behind unfinished compute; the
// same holds for blocks that may be written only after a stream's work.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/checksum.h"
#include "core/copy_runs.h"
#include "core/plan.h"
#include "memory/slot_memory.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"
#include "pegaflow/session.h"

namespace pegaflow::memory {

enum class MoveDirection : std::uint8_t { kGather, kScatter };

// Everything named here stays valid until the job is reported.
struct MoveJob {
  MoveDirection direction{};
  std::uint64_t cookie = 0;  // given back in the result
  const core::StreamPlan* plan = nullptr;
  ChunkIndex chunk;
  const KvLayout* layout = nullptr;         // of a pool that add_pool() knows
  std::span<const core::TableView> tables;  // one per group of the layout; checked by the caller
  std::span<std::byte> slot;                // at least the chunk's bytes
  core::ChecksumKind integrity{};           // what to compute (gather) or verify (scatter)
  std::uint32_t checksum = 0;               // scatter: what the source computed
  // Gather: the engine still computes what comes after this, so that SMs are dear and time is not.
  // A hint.
  bool beside_compute = false;
  // Gather only: the header is completed (checksum, t_start, t_end), then the word is stored with
  // release order; on a GPU by the GPU itself, so whoever watches the word may see FILLED before
  // the job is reported here.
  SlotHeader* header = nullptr;
  std::atomic<std::uint64_t>* word = nullptr;
  std::uint64_t filled_word = 0;
};

struct MoveResult {
  std::uint64_t cookie = 0;
  // Scatter: the checksum agreed. False on a GPU also when its context is lost: the word of a
  // gather is not set then, and never will be by this process.
  bool ok = false;
  std::uint32_t checksum = 0;
  std::uint64_t nanos = 0;  // copy time
};

// All calls but fence() on one thread, which Device::attach_thread() prepared.
class Mover {
 public:
  virtual ~Mover() = default;
  // A pool that jobs will name. `layout` keeps its address and outlives the mover. kUnsupported:
  // memory that this mover cannot copy; kResourceExhausted: too many layers in all pools.
  virtual Status add_pool(const KvLayout& layout) = 0;
  // Whether every chunk of the plan can be a job: asked once per stream, before it starts.
  // kUnsupported says what is too much.
  virtual Status check(const core::StreamPlan& plan, const KvLayout& layout) const = 0;
  // How many jobs per direction may be unreported at once (1 for memcpy).
  virtual std::size_t batch_limit() const = 0;
  // How many of them should be submitted at first while none runs: to prepare more would make the
  // first wait.
  virtual std::size_t first_batch() const { return batch_limit(); }
  // Gathers beside compute into other nodes' slots should come in bursts of so many bytes; 0: each
  // as soon as it can.
  virtual std::uint64_t burst_bytes() const { return 0; }
  // Starts (or, on the host, runs) jobs of one direction; all of them in one launch, which keeps
  // them in order as far as possible. No allocation. Slots of different pools may be mixed.
  virtual void submit(std::span<const MoveJob> jobs) = 0;
  // Jobs of that direction will be submitted within microseconds: what can be prepared is. A hint.
  virtual void expect(MoveDirection /*direction*/) {}
  // Finished jobs; returns how many were written to `out`.
  virtual std::size_t poll(std::span<MoveResult> out) = 0;
  // What `stream` is given from now on starts after every job of that direction whose submit() has
  // returned; waits on the GPU, not here. From any thread. Host: copies are done when submit()
  // returns, so there is nothing to do. kSystem: the driver refused; the stream does not wait.
  // Also the way to let a stream wait for what a receive scattered.
  virtual Status fence(MoveDirection direction, StreamHandle stream) = 0;
};

}  // namespace pegaflow::memory
