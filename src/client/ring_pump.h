// RingPump: reads the agent's messages from the ring and hands them to the books. Used by the
// mover alone.
#pragma once

#include <cstddef>
#include <mutex>

#include "base/clock.h"
#include "client/setup_channel.h"
#include "client/shared_state.h"
#include "memory/mover.h"
#include "memory/ring.h"
#include "pegaflow/result.h"
#include "wire/ring.h"

namespace pegaflow::client {

class RingPump {
 public:
  // All outlive this.
  RingPump(memory::RingReader& ring, SetupChannel& setup, SharedState& state,
           const memory::Mover& mover, const Clock& clock);

  // Handles at most `limit` messages, fewer when the outbox or the scatter queue is full. The
  // number handled; an error ends the session.
  Result<std::size_t> step(std::size_t limit);

 private:
  bool may_read();
  Status on(const wire::RingStream& message);
  Status on(const wire::RingCredit& message);
  Status on(const wire::RingScatter& message);
  Status on(const wire::RingLent& message);
  Status on(const wire::RingStop& message);
  Status on(const wire::RingResult& message);
  struct Ends {
    const LocalPool* own = nullptr;
    const PeerPool* peer = nullptr;
  };
  Ends ends_of(const wire::RingStream& message);
  template <typename Slots>
  Status find_regions(std::unique_lock<std::mutex>& lock, const Slots& slots);

  memory::RingReader& ring_;
  SetupChannel& setup_;
  SharedState& state_;
  const memory::Mover& mover_;
  const Clock& clock_;
};

}  // namespace pegaflow::client
