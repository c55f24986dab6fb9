#include "memory/cuda/cuda_slot_copier.h"

#include "base/check.h"

namespace pegaflow::memory::cuda {

Result<std::unique_ptr<SlotCopier>> CudaSlotCopier::create(const Context& context,
                                                           std::size_t limit) {
  std::unique_ptr<CudaSlotCopier> copier(new CudaSlotCopier(context, limit));
  for (Stream& stream : copier->streams_) {
    PEGAFLOW_ASSIGN(stream, make_stream(context));
  }
  for (std::size_t i = 0; i < limit; ++i) {
    PEGAFLOW_ASSIGN(Event event, make_event(context));
    copier->events_.push_back(std::move(event));
  }
  return std::unique_ptr<SlotCopier>(std::move(copier));
}

CudaSlotCopier::~CudaSlotCopier() {
  const ContextUse use(context_);
  for (const Stream& stream : streams_) context_.api().cuStreamSynchronize(stream.get());
}

void CudaSlotCopier::start(const SlotCopy& copy) {
  PEGAFLOW_CHECK(!running_.full() && copy.from.size() <= copy.to.size());
  const Api& api = context_.api();
  const CUstream stream = streams_[started_ % kStreams].get();
  const std::size_t event = started_ % events_.size();
  ++started_;
  const CUresult copied =
      api.cuMemcpyAsync(reinterpret_cast<CUdeviceptr>(copy.to.data()),
                        reinterpret_cast<CUdeviceptr>(copy.from.data()), copy.from.size(), stream);
  const CUresult recorded = api.cuEventRecord(events_[event].get(), stream);
  running_.try_push(
      Running{copy.cookie, event, copied != CUDA_SUCCESS || recorded != CUDA_SUCCESS});
}

std::size_t CudaSlotCopier::poll(std::span<SlotCopied> out) {
  std::size_t count = 0;
  while (count < out.size() && !running_.empty()) {
    const Running& oldest = running_.front();
    const CUresult state = oldest.refused
                               ? CUDA_ERROR_UNKNOWN
                               : context_.api().cuEventQuery(events_[oldest.event].get());
    if (state == CUDA_ERROR_NOT_READY) break;
    out[count++] = {oldest.cookie, state == CUDA_SUCCESS};
    running_.try_pop();
  }
  return count;
}

}  // namespace pegaflow::memory::cuda
