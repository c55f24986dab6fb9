// CudaStreams: marks as events of a fixed pool, recorded in the engine's primary context.
#pragma once

#include <mutex>
#include <vector>

#include "memory/cuda/resources.h"
#include "memory/streams.h"

namespace pegaflow::memory::cuda {

class CudaStreams final : public Streams {
 public:
  // `context` outlives this.
  static Result<std::unique_ptr<Streams>> create(const Context& context, std::size_t max_marks);

  Result<Mark> record(StreamHandle stream) override;
  Result<bool> passed(Mark mark) override;
  Status make_wait(StreamHandle stream, Mark mark) override;
  void release(Mark mark) override;

 private:
  explicit CudaStreams(const Context& context) : context_(context) {}
  CUevent event(Mark mark) const;
  Result<Mark> take();

  const Context& context_;
  std::vector<Event> events_;
  std::mutex mutex_;
  std::vector<std::uint32_t> free_;  // guarded by mutex_
};

}  // namespace pegaflow::memory::cuda
