#include "client/outbox.h"

#include "client/limits.h"
#include "memory/ring_messages.h"

namespace pegaflow::client {

Outbox::Outbox(memory::RingWriter ring, const EventFd& agent_wakeup)
    : ring_(ring), agent_wakeup_(agent_wakeup) {}

void Outbox::post(const wire::ClientMessage& message) {
  if (!try_send(message) && !broken_) waiting_.push_back(message);
}

void Outbox::post_unhurried(const wire::ClientMessage& message) {
  if (!try_send_unhurried(message)) post(message);
}

bool Outbox::owes_wakeup() { return !ring_.drained() && ring_.claim_wakeup(); }

bool Outbox::try_send(const wire::ClientMessage& message) {
  if (!waiting_.empty()) flush();
  return waiting_.empty() && write(message);
}

bool Outbox::try_send_unhurried(const wire::ClientMessage& message) {
  if (!waiting_.empty()) flush();
  return waiting_.empty() && write(message, Wake::kIfFull);
}

void Outbox::flush() {
  while (!waiting_.empty() && write(waiting_.front())) waiting_.pop_front();
}

bool Outbox::backlogged() const { return waiting_.size() >= kBacklogMessages; }

bool Outbox::write(const wire::ClientMessage& message, Wake wake) {
  if (broken_) return false;
  const auto written = memory::write_message(ring_, message);
  if (!written.ok()) {
    broken_ = written.error();
    waiting_.clear();
    return false;
  }
  const bool wakes = !*written || wake == Wake::kAlways;
  if (wakes && ring_.claim_wakeup()) agent_wakeup_.signal();
  return *written;
}

}  // namespace pegaflow::client
