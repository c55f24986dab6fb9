// Outbox: messages to the agent. They go to the ring at once, or wait behind it while it is full.
// Guarded by the session's lock, which is what makes it the ring's single producer.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/event_fd.h"
#include "memory/ring.h"
#include "pegaflow/result.h"
#include "wire/ring.h"

namespace pegaflow::client {

class Outbox {
 public:
  // `agent_wakeup` is what the agent sleeps on; both outlive this.
  Outbox(memory::RingWriter ring, const EventFd& agent_wakeup);

  // Never refuses; the callers bound how much can wait: they ask backlogged() before they take on
  // anything that will post.
  void post(const wire::ClientMessage& message);
  // For what the agent need not hear before the next message; does not wake it.
  void post_unhurried(const wire::ClientMessage& message);
  // The agent sleeps and there is something for it: the caller must wake it, for instance after
  // others, or when it has let go of the lock.
  bool owes_wakeup();
  void wake_agent() const { agent_wakeup_.signal(); }  // needs no lock
  void wake_if_owed() {
    if (owes_wakeup()) wake_agent();
  }
  // For messages that repeat state: false if it would have to wait; say it again later.
  bool try_send(const wire::ClientMessage& message);
  bool try_send_unhurried(const wire::ClientMessage& message);
  // Writes what waits, as far as there is room.
  void flush();
  bool backlogged() const;  // so much waits that nothing should be taken on
  bool idle() const { return waiting_.empty(); }
  // Set once the ring is unusable: the agent (or what is left of it) broke its format.
  const std::optional<Error>& broken() const { return broken_; }

 private:
  enum class Wake : std::uint8_t { kAlways, kIfFull };
  bool write(const wire::ClientMessage& message, Wake wake = Wake::kAlways);

  memory::RingWriter ring_;
  const EventFd& agent_wakeup_;
  std::deque<wire::ClientMessage> waiting_;
  std::optional<Error> broken_;
};

}  // namespace pegaflow::client
