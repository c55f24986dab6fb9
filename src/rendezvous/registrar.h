// Registrar: keeps one agent's record at the rendezvous service and watches the others', on
// threads of its own. Its owner never waits for the network.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pegaflow/result.h"
#include "rendezvous/record.h"
#include "rendezvous/store.h"

namespace pegaflow::rendezvous {

struct RegistrarConfig {
  std::string host;
  std::uint16_t port = 0;
  // Set by an agent that waited for its predecessor's end.
  std::optional<AgentEpoch> previous_epoch;
  std::chrono::milliseconds call_deadline{3'000};
  std::chrono::milliseconds poll_wait{20'000};
  // After the n-th failure in a row: a random share, ½ … 1, of min(first · 2ⁿ⁻¹, last).
  std::chrono::milliseconds first_backoff{100};
  std::chrono::milliseconds last_backoff{5'000};
};

// What happened, for log, metrics and peer tables. Called on the registrar's threads, one call at
// a time; return soon; don't call the registrar's stop().
class RegistrarEvents {
 public:
  virtual ~RegistrarEvents() = default;
  virtual void registered(const Lease& lease) = 0;  // the current record is known there
  // One call of `what` ("register", "heartbeat", "watch") failed; tried again after `retry_in`.
  virtual void rendezvous_failed(std::string_view what, const Error& error, unsigned failures,
                                 std::chrono::milliseconds retry_in) = 0;
  // Other agents' records changed. Applies on top of what came before, or replaces it when
  // `complete`. The own record is left out.
  virtual void peers_changed(const Listing& changes) = 0;
};

class Registrar {
 public:
  // `events` outlives the registrar.
  Registrar(RegistrarConfig config, AgentRecord record, RegistrarEvents& events);
  ~Registrar();  // stop()
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;

  void start();
  // Registers this record from now on. Never blocks on the network. Thread safe.
  void update(AgentRecord record);
  bool registered() const;  // the latest record is known there, as far as we know. Thread safe.
  // The latest record seen of a peer; null: none. Thread safe.
  std::shared_ptr<const AgentRecord> peer(std::string_view name) const;
  // Ends both threads and unregisters if that takes no longer than `grace`. Idempotent. Only the
  // resolver may make it wait longer, when `host` is a name.
  void stop(std::chrono::milliseconds grace = std::chrono::milliseconds(500));

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pegaflow::rendezvous
