#include "client/ring_pump.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/inline_vector.h"
#include "core/plan.h"
#include "memory/ring_messages.h"

namespace pegaflow::client {
namespace {

// The plan of the stream, of which this client is the end that `role` says.
Result<core::StreamPlan> plan_of(const wire::RingStream& message, const KvShape& own,
                                 const KvShape& peer) {
  InlineVector<core::TokenRange, wire::kMaxGroups> ranges;
  for (const wire::TokenSpan& span : message.tokens) ranges.push_back({span.begin, span.end});
  const bool source = message.role == wire::StreamRole::kSource;
  return core::plan_stream(source ? own : peer, source ? peer : own, ranges.span(),
                           message.chunk_bytes);
}

RegionId region_of(const wire::SlotRef& slot) { return slot.region; }
RegionId region_of(const wire::ScatterSlot& slot) { return slot.slot.region; }

}  // namespace

RingPump::RingPump(memory::RingReader& ring, SetupChannel& setup, SharedState& state,
                   const memory::Mover& mover, const Clock& clock)
    : ring_(ring), setup_(setup), state_(state), mover_(mover), clock_(clock) {}

Result<std::size_t> RingPump::step(std::size_t limit) {
  std::size_t handled = 0;
  for (; handled < limit && may_read(); ++handled) {
    PEGAFLOW_ASSIGN(const auto message, memory::read_agent_message(ring_));
    if (!message) break;
    PEGAFLOW_TRY(std::visit([this](const auto& m) { return on(m); }, *message));
  }
  return handled;
}

bool RingPump::may_read() {
  const std::lock_guard lock(state_.mutex);
  return !state_.outbox.backlogged() && state_.sinks.room_for_scatters();
}

RingPump::Ends RingPump::ends_of(const wire::RingStream& message) {
  const std::lock_guard lock(state_.mutex);
  return {state_.pools.local(message.pool), state_.pools.peer(message.peer_pool)};
}

// Pools are removed by this thread alone, so that they can be used outside of the lock here.
Status RingPump::on(const wire::RingStream& message) {
  Ends ends = ends_of(message);
  if (ends.own == nullptr || ends.peer == nullptr) {
    PEGAFLOW_TRY(setup_.step());  // its announcement may still wait in the socket
    ends = ends_of(message);
  }
  if (ends.peer == nullptr) {
    // Gone meanwhile, with its engine or the link: the agent, which knows why, tells the end.
    const std::lock_guard lock(state_.mutex);
    state_.outbox.post(wire::RingStopped{message.stream, {}});
    return {};
  }
  Result<core::StreamPlan> plan =
      Error{Code::kProtocol, "stream: no pool " + std::to_string(message.pool.value) + " here"};
  if (ends.own != nullptr) plan = plan_of(message, ends.own->layout.shape, ends.peer->shape);
  if (plan.ok()) {
    const Status possible = mover_.check(*plan, ends.own->layout);
    if (!possible.ok()) plan = possible.error();
  }
  const std::lock_guard lock(state_.mutex);
  if (message.role == wire::StreamRole::kSource) {
    state_.sources.on_stream(message, ends.peer, std::move(plan));
  } else {
    state_.sinks.on_stream(message, ends.peer, std::move(plan), clock_.now());
  }
  return {};
}

// Reads the set-up socket if a region is not mapped: its announcement may still wait there.
template <typename Slots>
Status RingPump::find_regions(std::unique_lock<std::mutex>& lock, const Slots& slots) {
  const bool found = std::all_of(slots.begin(), slots.end(), [this](const auto& slot) {
    return state_.regions.mapped(region_of(slot));
  });
  if (found) return {};
  lock.unlock();
  const Status status = setup_.step();
  lock.lock();
  return status;
}

Status RingPump::on(const wire::RingCredit& message) {
  std::unique_lock lock(state_.mutex);
  PEGAFLOW_TRY(find_regions(lock, message.slots));
  const bool announced = std::all_of(
      message.slots.begin(), message.slots.end(),
      [this](const wire::SlotRef& slot) { return state_.regions.was_mapped(slot.region); });
  if (announced) {
    state_.sources.on_credit(message);
  } else {
    state_.sources.fail_stream(message.stream, "credit: its region was never announced");
  }
  return {};
}

Status RingPump::on(const wire::RingScatter& message) {
  std::unique_lock lock(state_.mutex);
  PEGAFLOW_TRY(find_regions(lock, message.slots));
  state_.sinks.on_scatter(message, state_.regions, clock_.now());
  return {};
}

Status RingPump::on(const wire::RingLent& message) {
  const std::lock_guard lock(state_.mutex);
  state_.sinks.on_lent(message);
  return {};
}

Status RingPump::on(const wire::RingStop& message) {
  const std::lock_guard lock(state_.mutex);
  if (!state_.sources.on_stop(message.stream) && !state_.sinks.on_stop(message.stream)) {
    state_.outbox.post(wire::RingStopped{message.stream, {}});  // it ended here before
  }
  return {};
}

Status RingPump::on(const wire::RingResult& message) {
  const std::lock_guard lock(state_.mutex);
  if (message.handle != 0) {
    state_.sinks.on_result(message, clock_.now());
  } else if (message.kind == EventKind::kOffered || message.kind == EventKind::kRefused) {
    state_.intents.on_result(message);
  } else {
    state_.sources.on_result(message);
  }
  return {};
}

}  // namespace pegaflow::client
