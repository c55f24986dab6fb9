#include "memory/cuda/cuda_mover.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"

namespace pegaflow::memory::cuda {
namespace {

// How long nothing may end before the driver is asked whether anything still will.
constexpr Millis kSuspicious{5};
// The first launch after so long takes the driver three times as long as the next.
constexpr std::chrono::microseconds kColdAfter{300};
// Slots that copy engines fill before a kernel sums and reports them: it waits for SMs, and the
// stream's next copies wait for it.
constexpr std::uint32_t kCopiedPerReport = 8;
// A launch goes out when its slots have so many block ids: those of the next ones are copied while
// it runs. While the GPU has work, launches of more slots cost the host less.
constexpr std::size_t kManyIds = 16'384;
constexpr std::size_t kManyIdsWhenBusy = 4 * kManyIds;

}  // namespace

Result<std::unique_ptr<Mover>> CudaMover::create(const Context& context, const MoverConfig& config,
                                                 const Clock& clock) {
  PEGAFLOW_ASSIGN(Lane gathers, Lane::create(context, config.max_jobs));
  PEGAFLOW_ASSIGN(Lane scatters, Lane::create(context, config.max_jobs));
  PEGAFLOW_ASSIGN(PoolLayers pools, PoolLayers::create(context));
  PEGAFLOW_ASSIGN(Kernels kernels, Kernels::load(context));
  std::unique_ptr<CudaMover> mover(new CudaMover(context, config, clock,
                                                 {std::move(gathers), std::move(scatters)},
                                                 std::move(pools), std::move(kernels)));
  PEGAFLOW_TRY(mover->warm_up());
  return std::unique_ptr<Mover>(std::move(mover));
}

CudaMover::CudaMover(const Context& context, const MoverConfig& config, const Clock& clock,
                     std::array<Lane, 2> lanes, PoolLayers pools, Kernels kernels)
    : context_(context),
      config_(config),
      clock_(clock),
      lanes_(std::move(lanes)),
      pools_(std::move(pools)),
      kernels_(std::move(kernels)),
      copy_engine_(context, config.copy_engine_run_bytes),
      progress_at_(clock.now()) {}

CudaMover::~CudaMover() {
  const ContextUse use(context_);
  for (const Lane& lane : lanes_) {
    for (const Stream& stream : lane.streams()) context_.api().cuStreamSynchronize(stream.get());
  }
}

// Every kernel runs once, without work: the driver loads lazily otherwise, in the middle of a
// transfer. The last one tells the GPU's time.
Status CudaMover::warm_up() {
  const ContextUse use(context_);
  Lane& lane = lanes_[0];
  Launch nothing = lane.empty_launch();
  nothing.stripes = 1;
  nothing.stripe_units = 1;
  const CUstream stream = lane.streams()[0].get();
  const auto run = [&](CUfunction kernel) { return launch(context_, stream, kernel, 1, nothing); };
  for (std::uint32_t bytes = 1; bytes <= 16; bytes *= 2) {
    for (const bool sum : {false, true}) {
      PEGAFLOW_TRY(run(kernels_.gather(bytes, sum)));
      PEGAFLOW_TRY(run(kernels_.scatter(bytes, sum)));
    }
    PEGAFLOW_TRY(run(kernels_.sum(bytes)));
  }
  const std::size_t place = lane.take(MoveJob{});
  nothing.n_slots = 1;
  nothing.slots[0] = {};
  nothing.slots[0].result = static_cast<std::uint16_t>(place);
  lane.place(place).sequence = nothing.sequence;
  PEGAFLOW_TRY(run(kernels_.finish()));
  for (const Lane& each : lanes_) {
    PEGAFLOW_TRY(context_.check(context_.api().cuStreamSynchronize(each.streams()[0].get()),
                                "run the copy kernels"));
  }
  const auto report = lane.finished(place);
  if (!report) return Error(Code::kInternal, "a copy kernel ended without its report");
  gpu_clock_.seen(report->ended, clock_.now());
  lane.free(place);
  return {};
}

Status CudaMover::check(const core::StreamPlan& plan, const KvLayout& layout) const {
  for (const core::GroupPlan& group : plan.groups) {
    if (pools_.find(layout, group.group) == nullptr) {
      return Error(Code::kInvalidArgument, "the stream's pool was not added to the mover");
    }
  }
  const std::uint64_t ids = most_ids(plan, layout.shape);
  if (ids <= Lane::kMaxIds) return {};
  return Error(Code::kUnsupported, "a chunk of the stream has up to " + std::to_string(ids) +
                                       " blocks, GPU copies have at most " +
                                       std::to_string(Lane::kMaxIds) +
                                       "; use larger blocks or smaller chunk_bytes");
}

void CudaMover::submit(std::span<const MoveJob> jobs) {
  if (jobs.empty()) return;
  const MoveDirection direction = jobs[0].direction;
  Lane& lane = this->lane(direction);
  PEGAFLOW_CHECK(jobs.size() <= lane.places() - lane.running());
  if (lane.running() == 0) progress_at_ = clock_.now();
  const bool busy = lane.running() != 0;
  std::uint32_t most_slots = busy ? kMaxLaunchSlots : kFirstLaunch;
  const std::size_t many_ids = busy ? kManyIdsWhenBusy : kManyIds;
  Batch batch;
  begin(lane, batch);
  for (const MoveJob& job : jobs) {
    PEGAFLOW_CHECK(job.direction == direction);
    const core::ChunkCell cell = core::cell(*job.plan, job.chunk);
    const GroupLayers* layers = pools_.find(*job.layout, job.plan->groups[cell.group_index].group);
    PEGAFLOW_CHECK(layers != nullptr);
    const bool copied = copy_engine_.take(job);
    const bool sum = job.integrity != core::ChecksumKind::kNone;
    const bool same = batch.copied == copied && batch.unit_bytes == layers->alignment &&
                      batch.sum == sum && batch.n_ids < many_ids;
    const std::uint32_t most = copied ? kCopiedPerReport : most_slots;
    if (batch.launch.n_slots != 0 && (!same || batch.launch.n_slots >= most)) {
      flush(direction, batch);
      most_slots = std::min(2 * most_slots, kMaxLaunchSlots);
      begin(lane, batch);
    }
    batch.unit_bytes = layers->alignment;
    batch.sum = sum;
    batch.copied = copied;
    if (copied) note(copy_engine_.copy(batch.stream));
    add(lane, batch, job);
  }
  flush(direction, batch);
}

void CudaMover::begin(Lane& lane, Batch& batch) {
  batch.stream = lane.next_stream();
  batch.launch = lane.empty_launch();
  batch.ids.clear();
  batch.launch.layers = pools_.table();
  batch.launch.clock = gpu_clock_.difference();
  batch.bytes = 0;
  batch.n_ids = 0;
  batch.longest = 0;
}

void CudaMover::add(Lane& lane, Batch& batch, const MoveJob& job) {
  const core::ChunkCell cell = core::cell(*job.plan, job.chunk);
  const GroupLayers& layers = *pools_.find(*job.layout, job.plan->groups[cell.group_index].group);
  BuiltSlot built = build_slot(job, layers);
  const std::size_t place = lane.take(job);
  lane.place(place).sequence = batch.launch.sequence;
  built.slot.result = static_cast<std::uint16_t>(place);
  batch.ids.push_back({place, built.ids});
  batch.n_ids += built.ids.size();
  batch.launch.slots[batch.launch.n_slots++] = built.slot;
  batch.bytes += cell.bytes;
  batch.longest = std::max<std::uint64_t>(batch.longest, built.slot.units);
}

// Puts block ids into the launch if they are few, and where kernels read them from otherwise.
void CudaMover::place_ids(Lane& lane, Batch& batch) {
  Launch& it = batch.launch;
  std::size_t room = unused_bytes(it.n_slots);
  std::size_t at = offsetof(Launch, slots) + it.n_slots * sizeof(LaunchSlot);
  for (std::uint32_t i = 0; i < it.n_slots; ++i) {
    const auto& [place, ids] = batch.ids[i];
    if (ids.size_bytes() > room) {
      it.slots[i].ids = lane.place_ids(place, ids);
      continue;
    }
    std::memcpy(reinterpret_cast<std::byte*>(&it) + at, ids.data(), ids.size_bytes());
    it.slots[i].ids = at;
    at += ids.size_bytes();
    room -= ids.size_bytes();
  }
}

CUfunction CudaMover::kernel_for(MoveDirection direction, const Batch& batch) const {
  if (batch.copied) return batch.sum ? kernels_.sum(batch.unit_bytes) : kernels_.finish();
  return direction == MoveDirection::kGather ? kernels_.gather(batch.unit_bytes, batch.sum)
                                             : kernels_.scatter(batch.unit_bytes, batch.sum);
}

void CudaMover::flush(MoveDirection direction, Batch& batch) {
  Launch& it = batch.launch;
  if (it.n_slots == 0) return;
  Lane& lane = this->lane(direction);
  const bool reads = !batch.copied || batch.sum;  // else one CTA reports what is there
  std::uint32_t ctas = 1;
  if (reads) {
    place_ids(lane, batch);
    const bool gather = direction == MoveDirection::kGather;
    const std::uint32_t budget = gather ? config_.gather_ctas : config_.scatter_ctas;
    it.stripe_units = stripe_units(batch.bytes, batch.unit_bytes, budget);
    it.stripes =
        static_cast<std::uint32_t>((batch.longest + it.stripe_units - 1) / it.stripe_units);
    ctas = std::min(budget, it.n_slots * it.stripes);
  }
  note(launch(context_, batch.stream, kernel_for(direction, batch), ctas, it));
  note(lane.mark(context_));
}

void CudaMover::expect(MoveDirection direction) {
  Lane& lane = this->lane(direction);
  const TimePoint now = clock_.now();
  if (lane.running() != 0 || now - progress_at_ < kColdAfter) return;
  progress_at_ = now;
  Launch nothing = lane.empty_launch();
  nothing.layers = pools_.table();
  note(launch(context_, lane.next_stream(), kernels_.finish(), 1, nothing));
}

// A launch that the driver refuses does not happen, and neither will any other.
void CudaMover::note(const Status& status) { lost_ = lost_ || !status.ok(); }

std::size_t CudaMover::poll(std::span<MoveResult> out) {
  std::size_t count = 0;
  for (Lane& lane : lanes_) count += poll_lane(lane, out.subspan(count));
  if (count != 0) {
    progress_at_ = clock_.now();
  } else if (lanes_[0].running() + lanes_[1].running() != 0) {
    look_for_loss();
  }
  if (!lost_) return count;
  for (Lane& lane : lanes_) count += give_up(lane, out.subspan(count));
  return count;
}

std::size_t CudaMover::poll_lane(Lane& lane, std::span<MoveResult> out) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < lane.places() && count < out.size() && lane.running() != 0; ++i) {
    const auto report = lane.finished(i);
    if (!report) continue;
    out[count++] = result_of(lane.place(i), *report);
    lane.free(i);
  }
  return count;
}

MoveResult CudaMover::result_of(const Place& place, const SlotResult& report) {
  gpu_clock_.seen(report.ended, clock_.now());
  return {place.cookie, !place.verify || report.checksum == place.checksum, report.checksum,
          report.ended - report.started};
}

void CudaMover::look_for_loss() {
  const TimePoint now = clock_.now();
  if (now - progress_at_ < kSuspicious) return;
  progress_at_ = now;
  // An error of one stream is every stream's.
  const CUresult state = context_.api().cuStreamQuery(lanes_[0].streams()[0].get());
  if (state != CUDA_SUCCESS && state != CUDA_ERROR_NOT_READY) lost_ = true;
}

// Nothing runs any more in a context that is lost, so what is not reported never will be.
std::size_t CudaMover::give_up(Lane& lane, std::span<MoveResult> out) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < lane.places() && count < out.size(); ++i) {
    if (!lane.place(i).busy) continue;
    out[count++] = {lane.place(i).cookie, false, 0, 0};
    lane.free(i);
  }
  return count;
}

Status CudaMover::fence(MoveDirection direction, StreamHandle stream) {
  const ContextUse use(context_);
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  const auto native = reinterpret_cast<CUstream>(stream);
  return context_.check(lane(direction).make_wait(context_.api(), native),
                        "make stream " + std::to_string(stream) + " wait for copies");
}

}  // namespace pegaflow::memory::cuda
