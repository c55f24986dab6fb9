#include "client/copier.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "core/slot_word.h"

namespace pegaflow::client {
namespace {

// Whoever is woken by a bell looks for longer than this (WaitPolicy::spin_on_writer).
constexpr std::chrono::microseconds kRingEvery{50};
constexpr std::chrono::microseconds kRingAgainAfter{100};
// Gathers beside compute that are submitted at once: giving their runs to copy engines takes the
// thread up to a microsecond each.
constexpr std::size_t kBesideCompute = 8;

}  // namespace

Copier::Copier(SharedState& state, memory::Mover& mover, const Clock& clock)
    : state_(state),
      mover_(mover),
      clock_(clock),
      runs_beside_(mover.batch_limit() > 1),
      jobs_(2 * mover.batch_limit()) {
  batch_.reserve(mover.batch_limit());
  targets_.reserve(mover.batch_limit());
}

// Scatters first: they free slots that others wait for.
bool Copier::start() {
  const bool scatters = start(memory::MoveDirection::kScatter);
  return start(memory::MoveDirection::kGather) || scatters;
}

// What can start does at once, beside what runs: launches follow each other without a gap. At most
// batch_limit() claimed slots per direction run, so that an owner who wants one back never waits
// for more.
bool Copier::start(memory::MoveDirection direction) {
  if (running(direction) == mover_.batch_limit()) return false;
  batch_.clear();
  targets_.clear();
  {
    const std::lock_guard lock(state_.mutex);
    const std::size_t limit = mover_.batch_limit();
    const bool gathers = direction == memory::MoveDirection::kGather;
    const std::size_t first = gathers ? 0 : limit;
    const std::size_t most = gathers && running(direction) == 0 ? mover_.first_batch() : limit;
    if (!gathers) state_.sinks.look_at_words(state_.regions);
    std::size_t beside = 0;
    for (std::size_t i = first; i < first + limit && batch_.size() < most &&
                                beside < kBesideCompute && !state_.outbox.backlogged();
         ++i) {
      Job& job = jobs_[i];
      if (job.busy) continue;
      if (!take(direction, job)) break;
      add(direction, i);
      beside += batch_.back().beside_compute ? 1 : 0;
    }
  }
  if (batch_.empty()) return false;
  running(direction) += batch_.size();
  ring_bells(kRingEvery);
  mover_.submit(batch_);
  // After long copies that were made in there, their reader may sleep again.
  if (!runs_beside_) ring_bells(kRingAgainAfter);
  if (direction == memory::MoveDirection::kGather) {
    const std::lock_guard lock(state_.mutex);
    state_.sources.launched();
    if (state_.waiters != 0) state_.changed.notify_all();
  }
  return true;
}

void Copier::add(memory::MoveDirection direction, std::size_t place) {
  Job& job = jobs_[place];
  job.busy = true;
  job.direction = direction;
  memory::MoveJob& move = batch_.emplace_back();
  move.direction = direction;
  move.cookie = place;
  if (direction == memory::MoveDirection::kGather) {
    prepare_gather(job, move);
    targets_.push_back(job.gather.region);
  } else {
    prepare_scatter(job, move);
  }
}

// Whoever watches the words wakes while the copies run. Not on every launch: one that has just seen
// a slot is awake. Only this thread unmaps regions, so this needs no lock.
void Copier::ring_bells(Nanos at_most_every) {
  const TimePoint now = clock_.now();
  for (MappedSlots* region : targets_) {
    if (region->own || now - region->rung < at_most_every) continue;
    region->rung = now;
    region->region.bell().signal();
  }
}

bool Copier::take(memory::MoveDirection direction, Job& job) {
  if (direction == memory::MoveDirection::kGather) {
    const auto gather = state_.sources.claim(state_.regions);
    if (gather) job.gather = *gather;
    return gather.has_value();
  }
  const auto scatter = state_.sinks.next(state_.regions);
  if (scatter) job.scatter = *scatter;
  return scatter.has_value();
}

void Copier::prepare_gather(Job& job, memory::MoveJob& move) {
  const Gather& gather = job.gather;
  const SourceStream& stream = *gather.stream;
  const Offer& offer = *stream.offer;
  // The views are copies: the table may grow while the copy runs.
  std::transform(offer.tables.begin(), offer.tables.end(), job.tables.begin(),
                 [](const BlockTable& table) { return table.view(); });
  memory::SlotControl& control = gather.region->region.control();
  memory::SlotHeader* header = control.header(gather.slot.slot);
  const auto bytes = static_cast<std::uint32_t>(core::cell(stream.plan, gather.chunk).bytes);
  *header = {};
  header->xfer = stream.key.xfer.value;
  header->peer = offer.pool->id.value;
  header->stream = stream.key.stream.value;
  header->chunk = gather.chunk.value;
  header->bytes = bytes;
  header->t_ready = stream.progress.ready_ns(gather.chunk);
  move.plan = &stream.plan;
  move.chunk = gather.chunk;
  move.layout = &offer.pool->layout;
  move.tables = std::span(job.tables).first(offer.tables.size());
  move.slot = gather.region->region.slot(gather.slot.slot);
  move.integrity = stream.checksum;
  // More is still to be computed, so nobody waits for these bytes yet. Within one GPU copy engines
  // are slow.
  move.beside_compute = !gather.region->own && stream.progress.ready() < stream.plan.n_chunks;
  move.header = header;
  move.word = &control.word(gather.slot.slot);
  move.filled_word = core::filled_word(gather.slot.generation, gather.region->writer);
}

void Copier::prepare_scatter(Job& job, memory::MoveJob& move) {
  const Scatter& scatter = job.scatter;
  const SinkStream& stream = *scatter.stream;
  move.plan = &stream.plan;
  move.chunk = scatter.slot.chunk;
  move.layout = &stream.receive->pool->layout;
  move.tables = stream.receive->tables;
  move.slot = scatter.region->region.slot(scatter.slot.slot.slot);
  move.integrity = stream.checksum;
  move.checksum = scatter.slot.checksum;
}

bool Copier::finish() {
  std::array<memory::MoveResult, 16> results;
  bool any = false;
  while (running()) {
    const std::size_t n = mover_.poll(results);
    if (n == 0) break;
    any = true;
    const std::lock_guard lock(state_.mutex);
    for (std::size_t i = 0; i < n; ++i) finished(jobs_[results[i].cookie], results[i]);
    if (state_.waiters != 0) state_.changed.notify_all();
  }
  return any;
}

void Copier::finished(Job& job, const memory::MoveResult& result) {
  job.busy = false;
  --running(job.direction);
  if (job.direction == memory::MoveDirection::kGather) {
    state_.sources.finished(job.gather, result.ok);
    return;
  }
  // Whoever waits for the receive is woken before the agent.
  const bool urgent =
      state_.sinks.finished(job.scatter, result.ok, Nanos(result.nanos), clock_.now());
  if (urgent || runs_beside_) state_.outbox.wake_if_owed();
}

}  // namespace pegaflow::client
