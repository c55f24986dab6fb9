#include "memory/cuda/cuda_slot_copier.h"

#include "base/check.h"
#include "base/inline_vector.h"

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

void CudaSlotCopier::start(std::span<const SlotCopy> copies) {
  PEGAFLOW_CHECK(copies.size() <= kBatch && running_.size() + copies.size() <= limit());
  const CUstream stream = streams_[started_ % kStreams].get();
  const std::size_t event = started_ % events_.size();
  ++started_;
  const bool queued = copy(copies, stream) &&
                      context_.api().cuEventRecord(events_[event].get(), stream) == CUDA_SUCCESS;
  for (const SlotCopy& one : copies) running_.try_push(Running{one.cookie, event, !queued});
}

// False: the driver refused.
bool CudaSlotCopier::copy(std::span<const SlotCopy> copies, CUstream stream) {
  const Api& api = context_.api();
  InlineVector<CUdeviceptr, kBatch> to;
  InlineVector<CUdeviceptr, kBatch> from;
  InlineVector<std::size_t, kBatch> bytes;
  for (const SlotCopy& one : copies) {
    PEGAFLOW_CHECK(one.from.size() <= one.to.size());
    to.push_back(reinterpret_cast<CUdeviceptr>(one.to.data()));
    from.push_back(reinterpret_cast<CUdeviceptr>(one.from.data()));
    bytes.push_back(one.from.size());
  }
  if (copies.size() > 1 && api.memcpy_batch != nullptr) {
    return copy_together(api, {to.begin(), to.end()}, {from.begin(), from.end()},
                         {bytes.begin(), bytes.end()}, stream) == CUDA_SUCCESS;
  }
  bool queued = true;
  for (std::size_t i = 0; i < to.size(); ++i) {
    queued = queued && api.cuMemcpyAsync(to[i], from[i], bytes[i], stream) == CUDA_SUCCESS;
  }
  return queued;
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
