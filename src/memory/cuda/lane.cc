#include "memory/cuda/lane.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace pegaflow::memory::cuda {

Result<Lane> Lane::create(const Context& context, std::size_t places) {
  Lane lane;
  for (std::size_t i = 0; i < lane.streams_.size(); ++i) {
    PEGAFLOW_ASSIGN(lane.streams_[i], make_stream(context));
    PEGAFLOW_ASSIGN(lane.last_[i], make_event(context));
  }
  PEGAFLOW_ASSIGN(lane.tallies_,
                  allocate_device(context, places * sizeof(Tally), lane.streams_[0].get()));
  PEGAFLOW_ASSIGN(lane.results_, allocate_host(context, places * sizeof(SlotResult)));
  PEGAFLOW_ASSIGN(lane.ids_, allocate_host(context, places * kMaxIds * sizeof(std::uint32_t)));
  lane.places_.resize(places);
  return lane;
}

CUstream Lane::next_stream() {
  turn_ = (turn_ + 1) % streams_.size();
  return streams_[turn_].get();
}

Status Lane::mark(const Context& context) {
  return context.check(context.api().cuEventRecord(last_[turn_].get(), streams_[turn_].get()),
                       "mark the end of copies");
}

CUresult Lane::make_wait(const Api& api, CUstream stream) const {
  for (const Event& event : last_) {
    const CUresult result = api.cuStreamWaitEvent(stream, event.get(), 0);
    if (result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

std::size_t Lane::take(const MoveJob& job) {
  const auto found =
      std::find_if(places_.begin(), places_.end(), [](const Place& place) { return !place.busy; });
  PEGAFLOW_CHECK(found != places_.end());
  ++running_;
  const bool verify =
      job.direction == MoveDirection::kScatter && job.integrity != core::ChecksumKind::kNone;
  *found = {true, job.cookie, 0, verify, job.checksum};
  return static_cast<std::size_t>(found - places_.begin());
}

std::uint64_t Lane::place_ids(std::size_t place, std::span<const std::uint32_t> ids) {
  PEGAFLOW_CHECK(ids.size() <= kMaxIds);
  std::byte* at = ids_.get() + place * kMaxIds * sizeof(std::uint32_t);
  std::memcpy(at, ids.data(), ids.size_bytes());
  return reinterpret_cast<std::uint64_t>(at);
}

Launch Lane::empty_launch() {
  Launch launch;  // the slots are filled in as far as they are used
  launch.tallies = tallies_.get();
  launch.results = reinterpret_cast<std::uint64_t>(results_.get());
  if (++sequence_ == 0) ++sequence_;
  launch.sequence = sequence_;
  launch.n_slots = 0;
  return launch;
}

std::optional<SlotResult> Lane::finished(std::size_t place) {
  if (!places_[place].busy) return std::nullopt;
  auto* result = reinterpret_cast<SlotResult*>(results_.get()) + place;
  const std::uint32_t done = std::atomic_ref(result->done).load(std::memory_order_acquire);
  if (done != places_[place].sequence) return std::nullopt;
  return *result;
}

void Lane::free(std::size_t place) {
  places_[place].busy = false;
  --running_;
}

}  // namespace pegaflow::memory::cuda
