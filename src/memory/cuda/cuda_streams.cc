#include "memory/cuda/cuda_streams.h"

#include <string>

#include "base/check.h"

namespace pegaflow::memory::cuda {
namespace {

CUstream native(StreamHandle stream) {
  return reinterpret_cast<CUstream>(stream);  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace

Result<std::unique_ptr<Streams>> CudaStreams::create(const Context& context,
                                                     std::size_t max_marks) {
  std::unique_ptr<CudaStreams> streams(new CudaStreams(context));
  for (std::size_t i = 0; i < max_marks; ++i) {
    PEGAFLOW_ASSIGN(Event event, make_event(context));
    streams->events_.push_back(std::move(event));
    streams->free_.push_back(static_cast<std::uint32_t>(max_marks - i));
  }
  return std::unique_ptr<Streams>(std::move(streams));
}

CUevent CudaStreams::event(Mark mark) const {
  PEGAFLOW_CHECK(mark.value >= 1 && mark.value <= events_.size());
  return events_[mark.value - 1].get();
}

Result<Mark> CudaStreams::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    return Error(Code::kResourceExhausted,
                 "all " + std::to_string(events_.size()) + " marks in streams are in use");
  }
  const Mark mark{free_.back()};
  free_.pop_back();
  return mark;
}

Result<Mark> CudaStreams::record(StreamHandle stream) {
  const ContextUse use(context_);
  CUstreamCaptureStatus capturing = CU_STREAM_CAPTURE_STATUS_NONE;
  PEGAFLOW_TRY(context_.check(context_.api().cuStreamIsCapturing(native(stream), &capturing),
                              "look at stream " + std::to_string(stream)));
  if (capturing != CU_STREAM_CAPTURE_STATUS_NONE) {
    return Error(Code::kFailedPrecondition,
                 "stream " + std::to_string(stream) +
                     " is being captured into a graph, so its work does not run yet; mark after "
                     "the graph's launch");
  }
  PEGAFLOW_ASSIGN(const Mark mark, take());
  const Status status = context_.check(context_.api().cuEventRecord(event(mark), native(stream)),
                                       "record in stream " + std::to_string(stream));
  if (status.ok()) return mark;
  release(mark);
  return status.error();
}

Result<bool> CudaStreams::passed(Mark mark) {
  const ContextUse use(context_);
  const CUresult result = context_.api().cuEventQuery(event(mark));
  if (result == CUDA_ERROR_NOT_READY) return false;
  PEGAFLOW_TRY(context_.check(result, "look whether a stream passed a mark"));
  return true;
}

Status CudaStreams::make_wait(StreamHandle stream, Mark mark) {
  const ContextUse use(context_);
  return context_.check(context_.api().cuStreamWaitEvent(native(stream), event(mark), 0),
                        "make stream " + std::to_string(stream) + " wait");
}

void CudaStreams::release(Mark mark) {
  PEGAFLOW_CHECK(mark.value >= 1 && mark.value <= events_.size());
  const std::lock_guard lock(mutex_);
  PEGAFLOW_CHECK(free_.size() < events_.size());
  free_.push_back(mark.value);
}

}  // namespace pegaflow::memory::cuda
