// MoverLoop: the one extra thread of a session. Reads the ring and the set-up socket, copies,
// reports, and judges whether the agent is alive.
#pragma once

#include <atomic>
#include <memory>

#include "base/clock.h"
#include "client/agent_watch.h"
#include "client/bell_watch.h"
#include "client/connection.h"
#include "client/copier.h"
#include "client/idle_wait.h"
#include "client/mark_watch.h"
#include "client/ring_pump.h"
#include "client/runtime_parts.h"
#include "client/setup_channel.h"
#include "client/shared_state.h"

namespace pegaflow::client {

class MoverLoop {
 public:
  // All outlive this. The connection's socket is moved out of it.
  MoverLoop(Connection& connection, SharedState& state, const RuntimeParts& parts);

  // Until state.stop is set or the agent is lost; then every copy has ended.
  void run();

 private:
  Status turn();  // one round; an error ends the session
  Result<bool> work();
  Status judge(TimePoint now);
  void wait();
  bool prepare_sleep(Nanos& timeout, int& bell);
  void read_last_words();
  void drain_copies();
  void die(const Error& why);
  bool stopping();

  Connection& connection_;
  SharedState& state_;
  memory::Device& device_;
  const Clock& clock_;
  memory::Mover& mover_;
  WaitPolicy policy_;
  memory::RingReader ring_;
  SetupChannel setup_;
  RingPump pump_;
  MarkWatch marks_;
  Copier copier_;
  AgentWatch watch_;
  BellWatch bells_;
  std::uint64_t tick_ = 0;
  TimePoint active_at_;  // when something last happened
  TimePoint data_at_{};  // when a copy ended last, or a bell rang
  TimePoint judged_at_;
  bool socket_due_ = true;
  bool woken_early_ = false;  // by somebody who expects work for this thread
};

}  // namespace pegaflow::client
