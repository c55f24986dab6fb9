// IntentBook: questions (intend) that wait for their answer. REQUIRES the session's lock.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "client/event_queue.h"
#include "client/outbox.h"
#include "pegaflow/session.h"

namespace pegaflow::client {

class IntentBook {
 public:
  // Both outlive this.
  IntentBook(Outbox& outbox, EventQueue& events, std::uint32_t max_intents);

  Status intend(const IntendSpec& spec, TimePoint deadline);
  // kOffered and kRefused only; answers to nothing are dropped.
  void on_result(const wire::RingResult& message);
  void expire(TimePoint now);
  void extend_deadlines(Nanos by);
  void end_all(const std::string& why);
  bool idle() const { return deadlines_.empty(); }

 private:
  void answer(const Key& key, EventKind kind, Reason reason, std::string detail);

  Outbox& outbox_;
  EventQueue& events_;
  std::uint32_t max_intents_;
  std::unordered_map<Key, TimePoint> deadlines_;
};

}  // namespace pegaflow::client
