#include "client/runtime.h"

#include <sys/prctl.h>

#include <csignal>
#include <string>
#include <utility>

#include "base/random.h"
#include "base/wire_time.h"
#include "client/check_receive.h"
#include "client/limits.h"
#include "wire/setup.h"

namespace pegaflow::client {
namespace {

// The mover handles none of the engine's signals: it starts with all of them blocked, except those
// that its own instructions raise: blocked, they would end the engine without its crash handler.
std::thread start_quietly(MoverLoop& loop) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&all, own);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([&loop] {
    ::pthread_setname_np(::pthread_self(), "pegaflow-mover");
    ::prctl(PR_SET_TIMERSLACK, 1000UL);  // naps of 30 µs should not take 80
    loop.run();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::connect(const SessionConfig& config, RuntimeParts parts) {
  PEGAFLOW_TRY(check_config(config));
  PEGAFLOW_ASSIGN(EventFd readable, EventFd::create());
  const std::uint64_t incarnation = random_u64();
  PEGAFLOW_ASSIGN(Connection connection, connect_to_agent(config, incarnation));
  return std::unique_ptr<Runtime>(new Runtime(config, std::move(parts), std::move(connection),
                                              std::move(readable), incarnation));
}

Runtime::Runtime(const SessionConfig& config, RuntimeParts parts, Connection connection,
                 EventFd readable, std::uint64_t incarnation)
    : config_(config),
      incarnation_(incarnation),
      clock_(parts.clock),
      connection_(std::move(connection)),
      events_(config.max_events, std::move(readable)),
      parts_(std::move(parts)),
      state_(config, connection_.ring.writer(memory::RingDirection::kClientToAgent),
             connection_.agent_wakeup, events_, parts_.mover->burst_bytes()),
      loop_(connection_, state_, parts_),
      thread_(start_quietly(loop_)) {}

Runtime::~Runtime() {
  {
    const std::lock_guard lock(state_.mutex);
    state_.stop = true;
  }
  wake();
  thread_.join();
}

// Wakes the mover if it sleeps; while it does not, it finds by itself what was changed.
void Runtime::wake() {
  if (state_.mover_asleep.exchange(false, std::memory_order_relaxed))
    connection_.own_wakeup.signal();
}

Status Runtime::usable() const {
  if (!state_.dead) return {};
  return Error{Code::kUnavailable,
               "the agent is lost (" + state_.dead->message() + "); make a new session"};
}

Status Runtime::accepting() const {
  if (!state_.outbox.backlogged()) return {};
  return Error{Code::kResourceExhausted,
               "the agent does not keep up: " + std::to_string(kBacklogMessages) +
                   " messages wait for room in its ring"};
}

// Runs fn under the lock, if the session is of use, and wakes the mover if that gave it work.
template <typename Fn>
Status Runtime::locked(Fn&& fn) {
  if (!guard_.in_own_process()) {
    return Error{Code::kFailedPrecondition, "the session belongs to the parent process"};
  }
  std::unique_lock lock(state_.mutex);
  PEGAFLOW_TRY(usable());
  Status status = fn(lock);
  const bool needed = state_.mover_needed();
  lock.unlock();
  if (needed) wake();
  return status;
}

Status Runtime::check_worker() const {
  if (config_.role == SessionRole::kWorker) return {};
  return Error{Code::kFailedPrecondition, "a control session has no pools"};
}

Status Runtime::check_stream(StreamHandle stream) const {
  if (stream == kNoStream || parts_.streams != nullptr) return {};
  return Error{Code::kUnsupported, "stream " + std::to_string(stream) +
                                       ": the session's pools are host memory, which has no "
                                       "streams"};
}

// For calls that only workers make.
template <typename Fn>
Status Runtime::producing(Fn&& fn) {
  PEGAFLOW_TRY(check_worker());
  return locked(std::forward<Fn>(fn));
}

// A mark behind what the stream was given so far; none without a stream. Outside of the lock.
Result<memory::Mark> Runtime::record(StreamHandle stream) {
  PEGAFLOW_TRY(check_worker());
  PEGAFLOW_TRY(check_stream(stream));
  if (stream == kNoStream || !guard_.in_own_process()) return memory::Mark{};
  return parts_.streams->record(stream);
}

// Runs fn(lock, mark), which takes the mark if it has a use for it.
template <typename Fn>
Status Runtime::marking(StreamHandle stream, Fn&& fn) {
  PEGAFLOW_ASSIGN(memory::Mark mark, record(stream));
  const Status status = locked([&](auto& lock) { return fn(lock, mark); });
  if (mark.value != 0) parts_.streams->release(mark);
  return status;
}

template <typename Done>
bool Runtime::wait_changed(std::unique_lock<std::mutex>& lock, Millis timeout, Done&& done) {
  ++state_.waiters;
  const bool reached = state_.changed.wait_for(lock, timeout, std::forward<Done>(done));
  --state_.waiters;
  return reached;
}

Result<PoolHandle> Runtime::add_pool(const KvLayout& layout) {
  PEGAFLOW_TRY(check_memory(layout, *parts_.device));
  KvLayout placed = layout;
  placed.shape.gpu_uuid = parts_.device->gpu_uuid();
  PEGAFLOW_ASSIGN(KvLayout completed,
                  complete_layout(std::move(placed), config_.rank, incarnation_));
  PoolHandle handle;
  const Status status = producing([&](std::unique_lock<std::mutex>& lock) -> Status {
    if (state_.pool_requests.size() >= kMaxPoolRequests) {
      return Error{Code::kResourceExhausted, "too many pools are being added"};
    }
    const std::uint32_t request = ++state_.last_pool_request;
    PEGAFLOW_ASSIGN(std::string text,
                    wire::encode_session(wire::AddPool{request, completed.memory, completed.shape,
                                                       parts_.device->reaches()}));
    PoolRequest& entry = state_.pool_requests[request];
    entry.layout = std::move(completed);
    state_.setup_texts.push_back(std::move(text));
    wake();
    wait_changed(lock, config_.connect_timeout,
                 [&] { return entry.answer.has_value() || state_.dead.has_value(); });
    Result<PoolId> answer =
        entry.answer.value_or(Error{Code::kDeadlineExceeded, "the agent did not answer add_pool"});
    state_.pool_requests.erase(request);
    PEGAFLOW_TRY(usable());
    PEGAFLOW_ASSIGN(const PoolId id, std::move(answer));
    handle.value = id.value;
    return {};
  });
  if (!status.ok()) return status.error();
  return handle;
}

namespace {

Result<const LocalPool*> find_pool(const PoolTable& pools, PoolHandle handle) {
  const LocalPool* pool = pools.local(PoolId{handle.value});
  if (pool != nullptr) return pool;
  return Error{Code::kNotFound, "no pool " + std::to_string(handle.value) + " in this session"};
}

}  // namespace

Status Runtime::offer(const OfferSpec& spec) {
  PEGAFLOW_TRY(check_duration("lease", spec.lease));
  return producing([&](auto&) -> Status {
    PEGAFLOW_TRY(accepting());
    PEGAFLOW_ASSIGN(const LocalPool* pool, find_pool(state_.pools, spec.pool));
    return state_.sources.offer(spec, *pool);
  });
}

// No copy that begins from now on reads what the offer's tables and marks said so far. Those that
// run have ended when this returns; or `stream` waits for them, once they are all on the GPU.
Status Runtime::fence(std::unique_lock<std::mutex>& lock, const Key& key, StreamHandle stream) {
  const auto point = state_.sources.fence_point(key);
  if (!point) return {};
  const bool on_gpu = stream != kNoStream;
  const bool reached = wait_changed(lock, kFenceTimeout, [&] {
    return on_gpu ? state_.sources.copies_launched(*point) : state_.sources.copies_ended(*point);
  });
  if (!reached) {
    return Error{Code::kDeadlineExceeded, "a running copy of " + key.to_hex() + " did not end"};
  }
  if (!on_gpu) return {};
  lock.unlock();
  const Status fenced = parts_.mover->fence(memory::MoveDirection::kGather, stream);
  lock.lock();
  return fenced;
}

Status Runtime::table(const Key& key, std::uint32_t group, std::uint32_t first,
                      std::span<const std::uint32_t> ids, bool replace, StreamHandle stream) {
  PEGAFLOW_TRY(check_stream(stream));
  return producing([&](std::unique_lock<std::mutex>& lock) -> Status {
    if (!replace) return state_.sources.extend_table(key, group, first, ids, now_ns());
    PEGAFLOW_TRY(state_.sources.replace_table(key, group, first, ids, now_ns()));
    return fence(lock, key, stream);  // copies that began before read the old blocks
  });
}

Status Runtime::mark_cached(const Key& key, std::uint32_t end, StreamHandle stream) {
  return marking(stream, [&](auto&, memory::Mark& mark) {
    return state_.sources.mark_cached(key, end, now_ns(), mark);
  });
}

Status Runtime::mark_ready(const Key& key, std::uint32_t group, LayerRange layers,
                           TokenInterval tokens, StreamHandle stream) {
  return marking(stream, [&](auto&, memory::Mark& mark) {
    return state_.sources.mark_ready(key, group, layers, tokens, now_ns(), mark);
  });
}

Status Runtime::begin_step(std::span<const StepSpan> spans) {
  return producing([&](auto&) { return state_.sources.begin_step(spans); });
}

// Most steps of some engines concern no offer: no event is recorded then.
StreamHandle Runtime::stream_of_step(StreamHandle stream) const {
  if (stream == kNoStream) return stream;
  const std::lock_guard lock(state_.mutex);
  return state_.sources.step_is_empty() ? kNoStream : stream;
}

Status Runtime::layer_done(std::uint32_t group, std::uint32_t layer, StreamHandle stream) {
  PEGAFLOW_TRY(check_stream(stream));
  return marking(stream_of_step(stream), [&](auto&, memory::Mark& mark) {
    return state_.sources.layer_done(group, layer, now_ns(), mark);
  });
}

Status Runtime::end_step(StreamHandle stream) {
  PEGAFLOW_TRY(check_stream(stream));
  return marking(stream_of_step(stream), [&](auto&, memory::Mark& mark) {
    return state_.sources.end_step(now_ns(), mark);
  });
}

Status Runtime::rewind(const Key& key, std::uint32_t token, StreamHandle stream) {
  PEGAFLOW_TRY(check_stream(stream));
  return producing([&](std::unique_lock<std::mutex>& lock) -> Status {
    PEGAFLOW_TRY(state_.sources.rewind(key, token, now_ns()));
    return fence(lock, key, stream);
  });
}

Status Runtime::withdraw(const Key& key, Reason reason, StreamHandle stream) {
  PEGAFLOW_TRY(check_stream(stream));
  return producing([&](std::unique_lock<std::mutex>& lock) -> Status {
    PEGAFLOW_TRY(state_.sources.withdraw(key, reason));
    return fence(lock, key, stream);
  });
}

Status Runtime::disown(const Key& key) {
  return producing([&](auto&) -> Status {
    PEGAFLOW_TRY(accepting());
    return state_.sources.disown(key);
  });
}

// The mover wakes the agent when it has nothing to copy any more: the agent could take the
// processor that the copy needs.
Status Runtime::finish(const Key& key) {
  const Status status = producing([&](auto&) { return state_.sources.finish(key); });
  if (status.ok()) wake();
  return status;
}

Status Runtime::intend(const IntendSpec& spec) {
  PEGAFLOW_TRY(check_source(spec.source));
  return locked([&](auto&) -> Status {
    PEGAFLOW_TRY(accepting());
    return state_.intents.intend(spec, own_deadline(Millis(0)));
  });
}

Status Runtime::receive(const ReceiveSpec& spec) {
  return marking(spec.after, [&](std::unique_lock<std::mutex>& lock, memory::Mark& mark) -> Status {
    PEGAFLOW_ASSIGN(const LocalPool* pool, find_pool(state_.pools, spec.pool));
    lock.unlock();  // pools stay; thousands of ids take a while to check
    const Status fits = check_receive(spec, *pool);
    lock.lock();
    if (!fits.ok()) return fits.error();
    PEGAFLOW_TRY(usable());
    PEGAFLOW_TRY(accepting());
    return state_.sinks.receive(spec, *pool, clock_.now(), own_deadline(spec.total), mark);
  });
}

Status Runtime::cancel(const Key& key) {
  return producing([&](auto&) { return state_.sinks.cancel(key); });
}

Status Runtime::release(const Key& key, const Source& source, OfferReference reference) {
  PEGAFLOW_TRY(check_source(source));
  return locked([&](auto&) -> Status {
    PEGAFLOW_TRY(accepting());
    state_.outbox.post(wire::RingRelease{key, source, reference});
    return {};
  });
}

std::vector<Event> Runtime::poll() {
  return in_own_process() ? events_.poll() : std::vector<Event>();
}

std::vector<Event> Runtime::wait(std::chrono::milliseconds timeout) {
  return in_own_process() ? events_.wait(timeout) : std::vector<Event>();
}

bool Runtime::alive() const {
  if (!in_own_process()) return false;
  const std::lock_guard lock(state_.mutex);
  return !state_.dead;
}

std::uint64_t Runtime::now_ns() const { return nanos_of(clock_.now()); }

// The agent ends everything in time; this is for an agent that lives and does not.
TimePoint Runtime::own_deadline(Millis total) const {
  const Millis limit = total != Millis(0) ? total : Millis(connection_.welcome.total_ms);
  const Millis tick(connection_.welcome.engine_tick_ms);
  return clock_.now() + limit + std::max<Millis>(tick, kMinAgentSilence);
}

}  // namespace pegaflow::client
