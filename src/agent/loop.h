// Loop: the agent's one thread. It waits for descriptors, timers, work posted by other threads,
// and for slot words and rings that nothing announces: those it polls, as seldom as it may.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/gap.h"
#include "agent/timers.h"
#include "agent/waiting.h"
#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/event_fd.h"
#include "base/unique_fd.h"
#include "metrics/probes.h"
#include "pegaflow/result.h"

namespace pegaflow::agent {

struct LoopConfig {
  WaitConfig wait;
  Nanos gap = std::chrono::seconds(1);
  Nanos longest_sleep = Millis(500);  // so that a gap is measured against a short plan
  std::size_t max_posted = 4096;      // tasks of other threads that wait
  int max_drain_turns = 64;           // turns without timers after a gap
};

// What the loop runs besides descriptors and timers.
class LoopWork {
 public:
  virtual ~LoopWork() = default;
  // Does what is ready now, a bounded amount; true: there was something.
  virtual bool poll() = 0;
  // Something is to come that no descriptor announces: keep looking.
  virtual bool expecting() const = 0;
  // Messages came or went just now: more are likely, and to look for them is cheaper than to be
  // woken, where a core is to spare.
  virtual bool in_traffic() const = 0;
  // Arms wake-ups for what poll() looks at; false: there is something already, do not sleep.
  virtual bool ready_to_sleep() = 0;
  virtual void awake() = 0;  // after a sleep that ready_to_sleep() allowed
  virtual TimePoint next_deadline() const = 0;
  virtual void on_time(TimePoint now) = 0;
  // This process did not run for `gap`. Timers are shifted already; on_time() is not called before
  // what waited meanwhile has been seen.
  virtual void on_gap(Nanos gap) = 0;
};

class Loop {
 public:
  using FdHandler = std::function<void(std::uint32_t epoll_events)>;
  using Task = std::function<void()>;

  // `clock` and `probe` outlive the loop.
  static Result<std::unique_ptr<Loop>> create(const LoopConfig& config, const Clock& clock,
                                              metrics::AgentProbe& probe);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // ---- any thread
  // False: full, or the loop has ended; the task was not and will not be run.
  bool post(Task task);
  // Runs `function` on the loop thread and waits for its result. kDeadlineExceeded: it may still
  // run later, so it must own what it uses. Never call it on the loop thread.
  template <typename T>
  Result<T> ask(std::function<T()> function, Millis deadline);
  void stop();  // run() returns after its turn

  // ---- the loop thread
  // Until stop(). `work` may be driven by one run() at a time.
  void run(LoopWork& work);
  // One turn that sleeps no longer than `longest`: for tests and for stepping through a shutdown.
  void turn(LoopWork& work, Nanos longest);

  class Watch;
  // Calls `handler` when `fd` has `events` (EPOLLIN, …) until the Watch goes. A
  // handler may destroy any Watch, its own too. The descriptor must outlive the Watch.
  Result<std::unique_ptr<Watch>> watch(int fd, std::uint32_t events, FdHandler handler);
  TimerQueue& timers() { return timers_; }
  TimePoint now() const { return clock_.now(); }

 private:
  struct Watched {
    int fd;
    FdHandler handler;
  };

  Loop(const LoopConfig& config, const Clock& clock, metrics::AgentProbe& probe, UniqueFd epoll,
       EventFd wake);
  void run_posted();
  Nanos sleep_for(LoopWork& work, bool progressed, Nanos longest);
  std::size_t sleep(Nanos timeout);
  void dispatch(std::size_t ready);
  void after_gap(LoopWork& work, Nanos gap);
  bool run_timers(LoopWork& work, bool progressed);
  Nanos until_deadline(const LoopWork& work, Nanos longest) const;
  void unwatch(std::uint64_t id);

  const LoopConfig config_;
  const Clock& clock_;
  metrics::AgentProbe& probe_;
  UniqueFd epoll_;
  EventFd wake_;
  BoundedQueue<Task> posted_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> ended_{false};

  TimerQueue timers_;
  WaitPolicy policy_;
  GapDetector gaps_;
  int drain_turns_left_ = 0;
  bool had_events_ = false;
  bool asleep_ = false;  // work_.ready_to_sleep() was asked and said yes
  TimePoint turn_began_;
  std::array<epoll_event, 64> events_{};
  std::unordered_map<std::uint64_t, std::unique_ptr<Watched>> watched_;
  std::vector<std::unique_ptr<Watched>> unwatched_;  // until no handler of this turn runs
  std::uint64_t last_watch_ = 0;
};

// The right to be called for a descriptor; ends with this object.
class Loop::Watch {
 public:
  ~Watch() { loop_.unwatch(id_); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  // Other events than before.
  void change(std::uint32_t events);

 private:
  friend class Loop;
  Watch(Loop& loop, std::uint64_t id) : loop_(loop), id_(id) {}
  Loop& loop_;
  std::uint64_t id_;
};

template <typename T>
Result<T> Loop::ask(std::function<T()> function, Millis deadline) {
  // Shared: whoever gives up waiting leaves the promise to the task.
  auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  if (!post([promise, function = std::move(function)] { promise->set_value(function()); })) {
    return Error(Code::kUnavailable, "the agent is stopping or overloaded");
  }
  if (future.wait_for(deadline) != std::future_status::ready) {
    return Error(Code::kDeadlineExceeded, "the agent's loop did not answer within " +
                                              std::to_string(deadline.count()) + " ms");
  }
  try {
    return future.get();
  } catch (const std::future_error&) {  // the loop ended before the task's turn
    return Error(Code::kUnavailable, "the agent has stopped");
  }
}

}  // namespace pegaflow::agent
