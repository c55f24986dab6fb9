// The events that components report. Whoever emits one knows nothing of metrics; Registry
// (registry.h) derives Prometheus metrics from them, tests may record them.
// Get the handles (`link()`, `region()`) once, at start: events look nothing up and allocate
// nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pegaflow::metrics {

using Duration = std::chrono::nanoseconds;

enum class Direction : std::uint8_t { kTo, kFrom };  // this node sends to / receives from the peer
inline constexpr std::size_t kDirections = 2;

// The parts of a transfer whose length is worth a histogram.
enum class Stage : std::uint8_t {
  kOfferWait,   // GRANT until the offer exists
  kGrant,       // GRANT arrived until the first gather or put was started
  kCreditWait,  // data ready until a credit for it came
  kGather,      // launch until the slot is filled
  kWire,        // put until its flush
  kScatter,     // chunk handed to the client until its slot is free
  kReceive,     // receive until its result
};
inline constexpr std::size_t kStages = 7;

enum class Outcome : std::uint8_t { kDone, kFailed, kCancelled, kRefused, kUnconfirmed, kReleased };
inline constexpr std::size_t kOutcomes = 6;

// The deadlines of the topology, in the order of topology::Deadlines.
enum class Timer : std::uint8_t {
  kOfferWait,
  kCompute,
  kProgress,
  kScatter,
  kTotal,
  kLease,
  kQuiesce,
  kQuarantine,
  kTombstone,
  kFlush,
  kEngineTick,
  kHeartbeat,
  kDeadAfter,
};
inline constexpr std::size_t kTimers = 13;

// What a region's slots are in; RESIDENT joins with the KV store.
enum class SlotUse : std::uint8_t { kFree, kLoaned, kClaimed, kFilled, kQuarantined, kRetired };
inline constexpr std::size_t kSlotUses = 6;

enum class SessionKind : std::uint8_t { kWorker, kControl };
inline constexpr std::size_t kSessionKinds = 2;

std::string_view to_string(Direction direction);
std::string_view to_string(Stage stage);
std::string_view to_string(Outcome outcome);
std::string_view to_string(Timer timer);
std::string_view to_string(SlotUse use);
std::string_view to_string(SessionKind kind);

// Events of one link. Thread safe.
class LinkProbe {
 public:
  virtual ~LinkProbe() = default;

  // `transport`: of the data lanes, e.g. "tcp", "mapped". Rare; may look up and allocate.
  virtual void link_up(std::string_view transport) = 0;
  virtual void link_down() = 0;
  virtual void fenced() = 0;  // its worker was destroyed because a proof was missing
  virtual void measured(double bytes_per_second, Duration round_trip) = 0;

  virtual void chunk_sent(std::uint64_t bytes, Duration wire_time) = 0;
  virtual void chunk_received(std::uint64_t bytes) = 0;
  virtual void chunk_dropped() = 0;  // late, or for a stream that ended
  virtual void checksum_failed() = 0;

  virtual void stream_started() = 0;
  // `reason`: number in RegistryConfig::reasons; counted when outcome is kFailed or kRefused.
  virtual void stream_ended(Outcome outcome, std::uint8_t reason) = 0;
  virtual void stage(Stage stage, Duration time) = 0;
  virtual void deadline_hit(Timer timer) = 0;

  virtual void credits_outstanding(std::int64_t slots) = 0;
  // `type`: number in RegistryConfig::messages; unknown ones count as "other".
  virtual void message_out(std::uint8_t type, std::size_t bytes) = 0;
  virtual void message_in(std::uint8_t type, std::size_t bytes) = 0;
  virtual void send_window(std::int64_t unacknowledged) = 0;
  virtual void send_window_shut() = 0;  // a message had to wait
};

// Events of one region. Thread safe.
class RegionProbe {
 public:
  virtual ~RegionProbe() = default;
  virtual void slots(SlotUse use, std::int64_t count) = 0;  // how many are in that state now
  virtual void slot_retired() = 0;
  virtual void slot_recovered() = 0;  // a late proof brought a retired slot back
  virtual void starved() = 0;         // a stream with ready data found no free slot
};

// Events of the agent as a whole. Thread safe.
class AgentProbe {
 public:
  virtual ~AgentProbe() = default;

  // Handles live as long as this object. Equal arguments give the same handle.
  virtual LinkProbe& link(std::string_view peer, Direction direction) = 0;
  virtual RegionProbe& region(std::string_view name) = 0;

  virtual void session_opened(SessionKind kind) = 0;
  virtual void session_closed(SessionKind kind) = 0;
  virtual void engine_died() = 0;              // a session ended without goodbye
  virtual void engine_stalled() = 0;           // its mover's tick stood still
  virtual void deadline_hit(Timer timer) = 0;  // of no link in particular

  virtual void pools(std::int64_t count) = 0;
  virtual void offers(std::int64_t count) = 0;
  virtual void receives(std::int64_t count) = 0;

  // One turn of the agent's loop: how long it worked, and how long it had slept before.
  virtual void loop_turn(Duration busy, Duration idle) = 0;
  virtual void loop_gap(Duration gap) = 0;  // the process itself was stopped or starved
  virtual void ready(bool ready) = 0;

  virtual void rendezvous_registered() = 0;
  virtual void rendezvous_failed() = 0;
};

// Events of the rendezvous service. Thread safe.
class RendezvousProbe {
 public:
  virtual ~RendezvousProbe() = default;
  virtual void agents(std::int64_t live) = 0;
  virtual void lease_expired() = 0;
  virtual void poller_came() = 0;
  virtual void poller_left() = 0;
  virtual void request(std::string_view method, std::string_view route, int status,
                       Duration time) = 0;
};

}  // namespace pegaflow::metrics
