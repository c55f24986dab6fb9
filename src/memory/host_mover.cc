#include "memory/host_mover.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/wire_time.h"
#include "core/gather.h"

namespace pegaflow::memory {
namespace {

std::uint64_t nanos_between(TimePoint start, TimePoint end) {
  return static_cast<std::uint64_t>(Nanos(end - start).count());
}

std::span<const std::byte> content(const MoveJob& job) {
  return job.slot.first(core::cell(*job.plan, job.chunk).bytes);
}

}  // namespace

HostMover::HostMover(const Clock& clock, std::size_t max_unpolled)
    : clock_(clock), results_(max_unpolled) {}

Status HostMover::add_pool(const KvLayout& layout) {
  if (layout.memory == MemoryKind::kHost) return {};
  return Error{Code::kUnsupported, "pool: this session copies host memory, the pool is on a GPU"};
}

Status HostMover::fence(MoveDirection /*direction*/, StreamHandle stream) {
  if (stream == kNoStream) return {};
  return Error{Code::kUnsupported,
               "stream " + std::to_string(stream) + ": the pool is host memory, it has no streams"};
}

void HostMover::submit(std::span<const MoveJob> jobs) {
  PEGAFLOW_CHECK(jobs.size() <= batch_limit());
  for (const MoveJob& job : jobs) {
    PEGAFLOW_CHECK(!results_.full());
    results_.try_push(job.direction == MoveDirection::kGather ? gather(job) : scatter(job));
  }
}

std::size_t HostMover::poll(std::span<MoveResult> out) {
  const std::size_t count = std::min(out.size(), results_.size());
  for (std::size_t i = 0; i < count; ++i) out[i] = *results_.try_pop();
  return count;
}

MoveResult HostMover::gather(const MoveJob& job) {
  const TimePoint start = clock_.now();
  std::uint32_t checksum = 0;
  switch (job.integrity) {
    case core::ChecksumKind::kNone:
      core::gather(*job.plan, job.chunk, *job.layout, job.tables, job.slot);
      break;
    case core::ChecksumKind::kCrc32c:
      checksum = core::gather_crc(*job.plan, job.chunk, *job.layout, job.tables, job.slot);
      break;
    case core::ChecksumKind::kSlotSum:
      core::gather(*job.plan, job.chunk, *job.layout, job.tables, job.slot);
      checksum = core::slot_sum(content(job));
      break;
  }
  const TimePoint end = clock_.now();
  job.header->checksum = checksum;
  job.header->t_start = nanos_of(start);
  job.header->t_end = nanos_of(end);
  job.word->store(job.filled_word, std::memory_order_release);
  return {job.cookie, true, checksum, nanos_between(start, end)};
}

MoveResult HostMover::scatter(const MoveJob& job) {
  const TimePoint start = clock_.now();
  std::uint32_t checksum = 0;
  switch (job.integrity) {
    case core::ChecksumKind::kNone:
      core::scatter(*job.plan, job.chunk, *job.layout, job.tables, job.slot);
      break;
    case core::ChecksumKind::kCrc32c:
      checksum = core::scatter_crc(*job.plan, job.chunk, *job.layout, job.tables, job.slot);
      break;
    case core::ChecksumKind::kSlotSum:
      checksum = core::slot_sum(content(job));
      core::scatter(*job.plan, job.chunk, *job.layout, job.tables, job.slot);
      break;
  }
  const bool ok = job.integrity == core::ChecksumKind::kNone || checksum == job.checksum;
  return {job.cookie, ok, checksum, nanos_between(start, clock_.now())};
}

}  // namespace pegaflow::memory
