// RingEnd: the agent's end of one client's rings: reads what the client wrote, writes what fits,
// and keeps what does not.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "base/event_fd.h"
#include "memory/ring.h"
#include "memory/ring_messages.h"
#include "pegaflow/result.h"
#include "wire/ring.h"

namespace pegaflow::agent {

// All calls on the loop thread. After an error the session must be closed.
class RingEnd {
 public:
  static constexpr std::size_t kMaxWaiting = 16'384;  // messages behind a full ring

  static Result<std::unique_ptr<RingEnd>> create(std::uint32_t entries);

  // Reads up to `most` messages. True: there was one.
  Result<bool> read(std::size_t most, const std::function<void(const wire::ClientMessage&)>& sink);
  // kResourceExhausted: kMaxWaiting wait already; kProtocol: the client broke the ring.
  Status send(const wire::AgentMessage& message);
  // Writes what waits, as far as it fits. True: something moved.
  Result<bool> flush();
  // Ends the client's sleep, if it sleeps.
  void wake_client();
  std::uint64_t mended() const { return reader_.mended(); }
  bool blocked() const { return !waiting_.empty(); }

  // The ring is empty and the client will signal wake_fd(); false: there is something to read.
  bool announce_sleep() { return reader_.announce_sleep(); }
  void awake() { reader_.awake(); }
  int wake_fd() const { return agent_event_.fd(); }
  void clear_wake() const { agent_event_.drain(); }

  void tick() { memory_.agent_tick().fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t client_tick() const {
    return memory_.client_tick().load(std::memory_order_relaxed);
  }

  // What travels with WELCOME: ring memory, the client's event, the agent's event.
  std::vector<int> fds() const {
    return {memory_.fd(), client_event_.sleeping.fd(), agent_event_.fd()};
  }
  std::uint32_t entries() const { return memory_.entries(); }

 private:
  RingEnd(memory::RingMemory memory, EventFd::Ends client_event, EventFd agent_event);
  Result<bool> write(const wire::AgentMessage& message);

  memory::RingMemory memory_;
  memory::RingReader reader_;
  memory::RingWriter writer_;
  EventFd::Ends client_event_;  // a client cannot make its signalling block
  EventFd agent_event_;
  std::deque<wire::AgentMessage> waiting_;  // ≤ kMaxWaiting
};

}  // namespace pegaflow::agent
