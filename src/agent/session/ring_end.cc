#include "agent/session/ring_end.h"

#include <string>
#include <utility>

namespace pegaflow::agent {

using memory::RingDirection;

Result<std::unique_ptr<RingEnd>> RingEnd::create(std::uint32_t entries) {
  PEGAFLOW_ASSIGN(memory::RingMemory memory, memory::RingMemory::create(entries));
  PEGAFLOW_ASSIGN(EventFd::Ends client_event, EventFd::create_ends());
  PEGAFLOW_ASSIGN(EventFd agent_event, EventFd::create());
  return std::unique_ptr<RingEnd>(
      new RingEnd(std::move(memory), std::move(client_event), std::move(agent_event)));
}

RingEnd::RingEnd(memory::RingMemory memory, EventFd::Ends client_event, EventFd agent_event)
    : memory_(std::move(memory)),
      reader_(memory_.reader(RingDirection::kClientToAgent)),
      writer_(memory_.writer(RingDirection::kAgentToClient)),
      client_event_(std::move(client_event)),
      agent_event_(std::move(agent_event)) {}

Result<bool> RingEnd::read(std::size_t most,
                           const std::function<void(const wire::ClientMessage&)>& sink) {
  for (std::size_t n = 0; n < most; ++n) {
    PEGAFLOW_ASSIGN(const std::optional<wire::ClientMessage> message,
                    memory::read_client_message(reader_));
    if (!message) return n > 0;
    sink(*message);
  }
  return true;
}

void RingEnd::wake_client() {
  if (writer_.claim_wakeup()) client_event_.signalling.signal();
}

Result<bool> RingEnd::write(const wire::AgentMessage& message) {
  PEGAFLOW_ASSIGN(const bool written, memory::write_message(writer_, message));
  if (written) wake_client();
  return written;
}

Status RingEnd::send(const wire::AgentMessage& message) {
  if (waiting_.empty()) {
    PEGAFLOW_ASSIGN(const bool written, write(message));
    if (written) return {};
  }
  if (waiting_.size() >= kMaxWaiting) {
    return Error(Code::kResourceExhausted,
                 "the client does not read its ring: " + std::to_string(kMaxWaiting) +
                     " messages wait for it");
  }
  waiting_.push_back(message);
  return {};
}

Result<bool> RingEnd::flush() {
  bool moved = false;
  while (!waiting_.empty()) {
    PEGAFLOW_ASSIGN(const bool written, write(waiting_.front()));
    if (!written) break;
    waiting_.pop_front();
    moved = true;
  }
  return moved;
}

}  // namespace pegaflow::agent
