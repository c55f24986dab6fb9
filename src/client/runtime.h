// Runtime: a session from the inside. Session (session.h) is a facade over it; tests make one with
// a clock and a mover of their own.
#pragma once

#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "client/connection.h"
#include "client/event_queue.h"
#include "client/fork_guard.h"
#include "client/mover_loop.h"
#include "client/runtime_parts.h"
#include "client/shared_state.h"
#include "pegaflow/session.h"

namespace pegaflow::client {

// Thread safe. Every function means what its namesake in session.h says.
class Runtime {
 public:
  static Result<std::unique_ptr<Runtime>> connect(const SessionConfig& config, RuntimeParts parts);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  Result<PoolHandle> add_pool(const KvLayout& layout);
  OfferReference reference() const { return incarnation_; }
  Status offer(const OfferSpec& spec);
  Status table(const Key& key, std::uint32_t group, std::uint32_t first,
               std::span<const std::uint32_t> ids, bool replace, StreamHandle stream = kNoStream);
  Status mark_cached(const Key& key, std::uint32_t end, StreamHandle stream);
  Status mark_ready(const Key& key, std::uint32_t group, LayerRange layers, TokenInterval tokens,
                    StreamHandle stream);
  Status begin_step(std::span<const StepSpan> spans);
  Status layer_done(std::uint32_t group, std::uint32_t layer, StreamHandle stream);
  Status end_step(StreamHandle stream);
  Status rewind(const Key& key, std::uint32_t token, StreamHandle stream);
  Status withdraw(const Key& key, Reason reason, StreamHandle stream);
  Status disown(const Key& key);
  Status finish(const Key& key);
  Status intend(const IntendSpec& spec);
  Status receive(const ReceiveSpec& spec);
  Status cancel(const Key& key);
  Status release(const Key& key, const Source& source, OfferReference reference);
  std::vector<Event> poll();
  std::vector<Event> wait(std::chrono::milliseconds timeout);
  int event_fd() const { return events_.fd(); }
  bool alive() const;

  bool in_own_process() const { return guard_.in_own_process(); }

 private:
  Runtime(const SessionConfig& config, RuntimeParts parts, Connection connection, EventFd readable,
          std::uint64_t incarnation);

  template <typename Fn>
  Status locked(Fn&& fn);
  template <typename Fn>
  Status producing(Fn&& fn);
  template <typename Fn>
  Status marking(StreamHandle stream, Fn&& fn);
  Status check_worker() const;
  Status check_stream(StreamHandle stream) const;
  Result<memory::Mark> record(StreamHandle stream);
  StreamHandle stream_of_step(StreamHandle stream) const;
  Status usable() const;
  Status accepting() const;
  void wake();
  Status fence(std::unique_lock<std::mutex>& lock, const Key& key, StreamHandle stream);
  template <typename Done>
  bool wait_changed(std::unique_lock<std::mutex>& lock, Millis timeout, Done&& done);
  std::uint64_t now_ns() const;
  TimePoint own_deadline(Millis total) const;

  const SessionConfig config_;
  const ForkGuard guard_;
  const std::uint64_t incarnation_;
  const Clock& clock_;
  Connection connection_;
  mutable EventQueue events_;
  RuntimeParts parts_;  // the device outlives the regions
  mutable SharedState state_;
  MoverLoop loop_;
  std::thread thread_;
};

}  // namespace pegaflow::client
