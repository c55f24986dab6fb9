// Streams: what the client knows of the engine's own streams. A mark is a point in a stream's work;
// it is recorded where the engine computes and polled where the client copies, so nothing on the
// host ever blocks on the GPU. The host has no streams: what is recorded there has passed already.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/strong_id.h"
#include "pegaflow/result.h"
#include "pegaflow/session.h"

namespace pegaflow::memory {

// A mark that was recorded and not yet released. Value type; 0 is no mark.
using Mark = StrongId<struct MarkTag, std::uint32_t>;

// Thread safe: engine threads record and release, the mover polls. No call allocates, blocks on the
// GPU or disturbs a stream capture of another thread.
//
// Handles are the engine's: CUDA's CUstream as an integer. kNoStream (0) means that there is
// nothing to wait for; the legacy default stream is 1 (CU_STREAM_LEGACY), the per-thread one 2.
class Streams {
 public:
  virtual ~Streams() = default;
  // Marks the end of the work that `stream` has been given so far. kResourceExhausted: all marks of
  // the pool are in use; kFailedPrecondition: the stream is being captured into a graph, so its
  // work has not begun; kUnsupported: the host has no streams; kSystem: the driver refused.
  virtual Result<Mark> record(StreamHandle stream) = 0;
  // That work has ended. kSystem: the GPU's context is lost, so it never will.
  virtual Result<bool> passed(Mark mark) = 0;
  // What `stream` is given from now on starts after that work; waits on the GPU, not here.
  virtual Status make_wait(StreamHandle stream, Mark mark) = 0;
  // The mark is forgotten; waits that were made before hold.
  virtual void release(Mark mark) = 0;
};

}  // namespace pegaflow::memory
