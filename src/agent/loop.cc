#include "agent/loop.h"

#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/check.h"

namespace pegaflow::agent {
namespace {

constexpr std::uint64_t kWakeId = 0;
constexpr unsigned long kTimerSlackNanos = 1000;

timespec to_timespec(Nanos nanos) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(nanos);
  return {.tv_sec = seconds.count(), .tv_nsec = (nanos - seconds).count()};
}

Status epoll_add(int epoll, int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) return system_error("epoll_ctl");
  return {};
}

}  // namespace

Result<std::unique_ptr<Loop>> Loop::create(const LoopConfig& config, const Clock& clock,
                                           metrics::AgentProbe& probe) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return system_error("epoll_create1");
  PEGAFLOW_ASSIGN(EventFd wake, EventFd::create());
  PEGAFLOW_TRY(epoll_add(epoll.get(), wake.fd(), EPOLLIN, kWakeId));
  // Old kernels lack it; better to say so at start than to poll badly.
  const timespec at_once{};
  epoll_event unused{};
  if (::epoll_pwait2(epoll.get(), &unused, 1, &at_once, nullptr) < 0) {
    return system_error("epoll_pwait2 (needs Linux 5.11)");
  }
  return std::unique_ptr<Loop>(new Loop(config, clock, probe, std::move(epoll), std::move(wake)));
}

Loop::Loop(const LoopConfig& config, const Clock& clock, metrics::AgentProbe& probe, UniqueFd epoll,
           EventFd wake)
    : config_(config),
      clock_(clock),
      probe_(probe),
      epoll_(std::move(epoll)),
      wake_(std::move(wake)),
      posted_(config.max_posted),
      policy_(config.wait, clock.now()),
      gaps_(config.gap, clock.now()),
      turn_began_(clock.now()) {}

Loop::~Loop() { PEGAFLOW_CHECK(watched_.empty()); }

bool Loop::post(Task task) {
  if (ended_.load(std::memory_order_acquire) || !posted_.try_push(std::move(task))) return false;
  wake_.signal();
  return true;
}

void Loop::stop() {
  stopping_.store(true, std::memory_order_release);
  wake_.signal();
}

void Loop::run(LoopWork& work) {
  // A plain sleep may be 50 µs late; ours are about that long.
  ::prctl(PR_SET_TIMERSLACK, kTimerSlackNanos, 0, 0, 0);
  while (!stopping_.load(std::memory_order_acquire)) turn(work, config_.longest_sleep);
  ended_.store(true, std::memory_order_release);
  run_posted();
}

void Loop::turn(LoopWork& work, Nanos longest) {
  run_posted();
  const bool progressed = work.poll();
  after_gap(work, gaps_.observe(now()));
  // What a timer did may need another look before sleep, too.
  const bool busy = run_timers(work, progressed) || progressed;
  const TimePoint done = now();
  if (progressed) policy_.progressed(done);
  const Nanos pause = sleep_for(work, busy, longest);
  gaps_.going_to_sleep(pause);
  const std::size_t ready = sleep(pause);
  const TimePoint woken = now();
  probe_.loop_turn(done - std::exchange(turn_began_, woken), woken - done);
  if (std::exchange(asleep_, false)) work.awake();
  after_gap(work, gaps_.observe(woken));
  dispatch(ready);
}

void Loop::run_posted() {
  // Only as many as were there: a task may post another.
  for (std::size_t left = posted_.size(); left > 0; --left) {
    std::optional<Task> task = posted_.try_pop();
    if (!task) return;
    (*task)();
  }
}

void Loop::after_gap(LoopWork& work, Nanos gap) {
  if (gap == Nanos(0)) return;
  timers_.shift(gap);
  work.on_gap(gap);
  drain_turns_left_ = config_.max_drain_turns;
  probe_.loop_gap(gap);
}

bool Loop::run_timers(LoopWork& work, bool progressed) {
  // After a gap: first hear what the others had to say meanwhile, then judge them.
  if (drain_turns_left_ > 0) {
    drain_turns_left_ = progressed || had_events_ ? drain_turns_left_ - 1 : 0;
    return true;
  }
  const TimePoint time = now();
  bool ran = timers_.run_due(time) > 0;
  if (work.next_deadline() <= time) {
    work.on_time(time);
    ran = true;
  }
  return ran;
}

Nanos Loop::sleep_for(LoopWork& work, bool progressed, Nanos longest) {
  if (progressed || drain_turns_left_ > 0 || !posted_.empty()) return Nanos(0);
  Nanos pause = until_deadline(work, longest);
  if (work.expecting() || (config_.wait.may_spin && work.in_traffic())) {
    pause = std::min(pause, policy_.pause(now(), thread_cpu_time()));
  }
  if (pause == Nanos(0)) return pause;
  // A nap, too, ends when there is something to read.
  if (!work.ready_to_sleep()) return Nanos(0);
  asleep_ = true;
  return pause;
}

Nanos Loop::until_deadline(const LoopWork& work, Nanos longest) const {
  const TimePoint wake_at = std::min(timers_.next(), work.next_deadline());
  const TimePoint time = now();
  if (wake_at <= time) return Nanos(0);
  return wake_at - time < longest ? wake_at - time : longest;
}

std::size_t Loop::sleep(Nanos timeout) {
  const timespec limit = to_timespec(timeout);
  const int n = ::epoll_pwait2(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                               &limit, nullptr);
  return n > 0 ? static_cast<std::size_t>(n) : 0;  // EINTR is a short sleep
}

void Loop::dispatch(std::size_t ready) {
  had_events_ = ready > 0;
  if (had_events_) policy_.progressed(now());  // one event seldom comes alone
  for (const epoll_event& event : std::span(events_).first(ready)) {
    const std::uint64_t id = event.data.u64;  // epoll_event is packed: no references into it
    if (id == kWakeId) {
      wake_.drain();
      continue;
    }
    const auto found = watched_.find(id);
    // A handler before this one may have ended the watch.
    if (found != watched_.end()) found->second->handler(event.events);
  }
  unwatched_.clear();
}

Result<std::unique_ptr<Loop::Watch>> Loop::watch(int fd, std::uint32_t events, FdHandler handler) {
  const std::uint64_t id = ++last_watch_;
  PEGAFLOW_TRY(epoll_add(epoll_.get(), fd, events, id));
  watched_.emplace(id, std::make_unique<Watched>(Watched{fd, std::move(handler)}));
  return std::unique_ptr<Watch>(new Watch(*this, id));
}

void Loop::unwatch(std::uint64_t id) {
  const auto found = watched_.find(id);
  PEGAFLOW_CHECK(found != watched_.end());
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second->fd, nullptr);
  unwatched_.push_back(std::move(found->second));  // its handler may be running
  watched_.erase(found);
}

void Loop::Watch::change(std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id_;
  const int fd = loop_.watched_.at(id_)->fd;
  PEGAFLOW_CHECK(::epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

}  // namespace pegaflow::agent
