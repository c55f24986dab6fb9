// SharedState: everything that the engine's threads and the mover share, under one lock. The lock
// is held for microseconds at most: copies, system calls and planning happen outside.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "client/event_queue.h"
#include "client/intent_book.h"
#include "client/outbox.h"
#include "client/pool_table.h"
#include "client/region_table.h"
#include "client/sink_book.h"
#include "client/source_book.h"
#include "pegaflow/session.h"

namespace pegaflow::client {

// A pool that add_pool() waits for.
struct PoolRequest {
  KvLayout layout;
  std::optional<Result<PoolId>> answer;
};

struct SharedState {
  // `events` outlives this. `burst_bytes`: Mover::burst_bytes().
  SharedState(const SessionConfig& config, memory::RingWriter ring, const EventFd& agent_wakeup,
              EventQueue& event_queue, std::uint64_t burst_bytes)
      : outbox(ring, agent_wakeup),
        events(event_queue),
        sources(outbox, event_queue, config.max_offers, burst_bytes),
        sinks(outbox, event_queue, config.max_receives),
        intents(outbox, event_queue, config.max_receives) {}

  // There is something for the mover to do that it does not know of. REQUIRES the lock.
  bool mover_needed() const {
    return stop || !setup_texts.empty() || !outbox.idle() || sources.mover_needed() ||
           sinks.mover_needed();
  }
  // Nothing is live. REQUIRES the lock.
  bool idle() const { return sources.idle() && sinks.idle() && intents.idle(); }

  std::mutex mutex;
  std::condition_variable changed;  // copies ended, pools answered, the session died
  // Guarded by mutex, as all below unless said otherwise:
  Outbox outbox;
  EventQueue& events;  // has a lock of its own, taken after this one
  PoolTable pools;
  RegionTable regions;
  SourceBook sources;
  SinkBook sinks;
  IntentBook intents;
  std::uint32_t last_pool_request = 0;
  std::map<std::uint32_t, PoolRequest> pool_requests;
  std::deque<std::string> setup_texts;  // to be sent on the set-up socket
  std::uint32_t waiters = 0;            // threads that wait on `changed`
  std::optional<Error> dead;            // why the session is of no more use
  bool stop = false;

  std::atomic<bool> mover_asleep{false};  // not guarded: set under the lock, cleared by anybody
};

}  // namespace pegaflow::client
