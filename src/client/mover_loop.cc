#include "client/mover_loop.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "client/limits.h"

namespace pegaflow::client {
namespace {

constexpr std::size_t kMessagesPerTurn = 64;
constexpr std::size_t kOffersPerLock = 8;
// How often timers and the set-up socket are looked at while the mover is busy.
constexpr Millis kJudgeEvery{10};
// The agent does not say when it made room in a full ring or socket.
constexpr Millis kRetryEvery{1};

Nanos longest_silence(const wire::Welcome& welcome) {
  return std::max<Nanos>(kMinAgentSilence, Millis(welcome.engine_tick_ms));
}

}  // namespace

MoverLoop::MoverLoop(Connection& connection, SharedState& state, const RuntimeParts& parts)
    : connection_(connection),
      state_(state),
      device_(*parts.device),
      clock_(parts.clock),
      mover_(*parts.mover),
      policy_(parts.policy),
      ring_(connection.ring.reader(memory::RingDirection::kAgentToClient)),
      setup_(std::move(connection.socket), state, *parts.device, *parts.mover),
      pump_(ring_, setup_, state, *parts.mover, parts.clock),
      marks_(state, parts.streams.get(), parts.clock),
      copier_(state, *parts.mover, parts.clock),
      watch_(longest_silence(connection.welcome), parts.clock.now()),
      active_at_(parts.clock.now()),
      judged_at_(active_at_) {}

void MoverLoop::run() {
  const Status attached = device_.attach_thread();
  if (!attached.ok()) return die(attached.error());
  while (!stopping()) {
    const Status status = turn();
    if (!status.ok()) {
      read_last_words();
      drain_copies();
      return die(status.error());
    }
  }
  drain_copies();
}

bool MoverLoop::stopping() {
  const std::lock_guard lock(state_.mutex);
  socket_due_ |= !state_.setup_texts.empty();
  return state_.stop;
}

Status MoverLoop::turn() {
  connection_.ring.client_tick().store(++tick_, std::memory_order_relaxed);
  const TimePoint now = clock_.now();
  if (now - judged_at_ >= kJudgeEvery) PEGAFLOW_TRY(judge(now));
  if (std::exchange(socket_due_, false)) PEGAFLOW_TRY(setup_.step());
  PEGAFLOW_ASSIGN(const std::size_t handled, pump_.step(kMessagesPerTurn));
  PEGAFLOW_ASSIGN(const bool worked, work());
  if (worked || handled != 0) {
    active_at_ = clock_.now();
  } else if (std::exchange(woken_early_, false)) {
    mover_.expect(memory::MoveDirection::kScatter);
  } else {
    wait();
  }
  return {};
}

// Looks for what became ready, copies, and reports. True if it did anything.
Result<bool> MoverLoop::work() {
  PEGAFLOW_ASSIGN(const bool passed, marks_.step());
  bool more = true;
  while (more) {
    const std::lock_guard lock(state_.mutex);
    more = state_.sources.refresh(kOffersPerLock);
  }
  // The bytes do not wait for the news of them.
  const bool started = copier_.start();
  {
    const std::lock_guard lock(state_.mutex);
    state_.outbox.flush();
    state_.sources.report();
    if (copier_.runs_beside()) state_.outbox.wake_if_owed();
  }
  const bool ended = copier_.finish();
  if (ended) data_at_ = clock_.now();
  return ended || started || passed;
}

Status MoverLoop::judge(TimePoint now) {
  const Nanos gap = watch_.look(connection_.ring.agent_tick().load(std::memory_order_relaxed), now);
  judged_at_ = now;
  socket_due_ = true;
  const std::lock_guard lock(state_.mutex);
  if (gap != Nanos(0)) {
    state_.sinks.extend_deadlines(gap);
    state_.intents.extend_deadlines(gap);
  }
  if (state_.outbox.broken()) return *state_.outbox.broken();
  if (!state_.idle() && watch_.silent(now)) {
    return Error{Code::kUnavailable,
                 "the agent's loop stood still for " +
                     std::to_string(std::chrono::ceil<Millis>(watch_.silence(now)).count()) +
                     " ms"};
  }
  state_.sinks.expire(now);
  state_.intents.expire(now);
  return {};
}

void MoverLoop::wait() {
  Expected expected{false, marks_.waiting(), copier_.running()};
  {
    const std::lock_guard lock(state_.mutex);
    expected.chunk = state_.sinks.filling() ||
                     (state_.sinks.watching() && clock_.now() - data_at_ < policy_.spin_between);
    // Nothing to copy for now: until then the agent might have taken the processor.
    if (!expected.chunk) state_.outbox.wake_if_owed();
    expected.message = state_.sources.streaming() || !state_.sinks.idle();
  }
  const Wait how = next_wait(policy_, expected, clock_.now() - active_at_);
  if (how == Wait::kSpin) return std::this_thread::yield();
  Nanos timeout{0};
  int bell = -1;
  if (!prepare_sleep(timeout, bell)) return;
  if (how == Wait::kNap) timeout = std::min(timeout, policy_.nap);
  if (ring_.announce_sleep()) {
    const Woken woken =
        sleep_on(connection_.wakeup, connection_.own_wakeup, setup_.fd(), timeout, bell);
    socket_due_ |= woken.socket;
    const bool rung = woken.bell && bells_.take();
    woken_early_ = woken.signalled || rung;
    if (woken_early_) active_at_ = clock_.now();  // something comes, if it is not there already
    if (rung) data_at_ = active_at_;
  }
  ring_.awake();
  state_.mover_asleep.store(false, std::memory_order_relaxed);
}

// False: something came up. From here on, whoever changes something wakes this thread.
bool MoverLoop::prepare_sleep(Nanos& timeout, int& bell) {
  const std::lock_guard lock(state_.mutex);
  const wire::SlotRef* watched = state_.sinks.watched();
  const MappedSlots* region = watched != nullptr ? state_.regions.find(*watched) : nullptr;
  if (region != nullptr) {
    bells_.listen(watched->region, region->region.bell());
    bell = bells_.fd();
  }
  const bool blocked = !state_.outbox.idle() || !state_.setup_texts.empty();
  if (!blocked && state_.mover_needed()) return false;
  timeout = blocked ? kRetryEvery : (state_.idle() ? kIdleTick : kBusyTick);
  state_.mover_asleep.store(true, std::memory_order_relaxed);
  return true;
}

// What the agent wrote before it went is still true: an end that it told must not become another.
void MoverLoop::read_last_words() {
  for (std::uint32_t i = 0; i < connection_.ring.entries(); ++i) {
    const auto handled = pump_.step(kMessagesPerTurn);
    if (!handled.ok() || *handled == 0 || !work().ok()) return;
  }
}

// Claimed slots are filled or given back whatever happens; until then the pool is in use.
void MoverLoop::drain_copies() {
  while (copier_.running()) {
    if (!copier_.finish()) std::this_thread::sleep_for(policy_.nap);
  }
}

void MoverLoop::die(const Error& why) {
  setup_.hang_up();  // an agent that was stopped and goes on frees the instance's rank
  const TimePoint now = clock_.now();
  const std::lock_guard lock(state_.mutex);
  state_.dead = why;
  const std::string text = "the agent is lost: " + why.message();
  state_.sources.end_all(text);
  state_.sinks.end_all(text, now);
  state_.intents.end_all(text);
  state_.changed.notify_all();
}

}  // namespace pegaflow::client
