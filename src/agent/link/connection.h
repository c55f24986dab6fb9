// Connection: what belongs to one incarnation of a link and ends with it. Passive: Link decides.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/control_channel.h"
#include "agent/link/heartbeat.h"
#include "agent/link/landing.h"
#include "agent/link/link_socket.h"
#include "agent/link/peer_pools.h"
#include "agent/link/peer_regions.h"
#include "agent/link/round_trips.h"
#include "agent/timers.h"
#include "base/bounded_queue.h"
#include "transport/transport.h"

namespace pegaflow::agent {

struct FlushReport {
  std::uint64_t token;
  Status status;
};

// Bandwidth measurement in flight, at P.
struct BandwidthRounds {
  int round = 0;  // 0: none; 1: warm-up; 2: counts
  TimePoint began;
};

struct Connection {
  Connection(TimerQueue& timers, const HeartbeatLimits& limits, std::size_t max_inbound,
             std::function<void()> on_heartbeat, std::function<void()> on_deadline)
      : inbound(max_inbound),
        flushed(transport::kMaxUnfinishedFlushes),
        heartbeat(limits),
        heartbeat_timer(timers, std::move(on_heartbeat)),
        deadline(timers, std::move(on_deadline)) {}

  LinkIncarnation incarnation;
  AgentEpoch peer_epoch;  // 0: not known yet
  wire::Link asked;       // at D: what was sent
  std::unique_ptr<LinkSocket> socket;

  std::unique_ptr<transport::Worker> worker;
  std::unique_ptr<Loop::Watch> worker_watch;
  std::optional<ControlChannel> channel;  // since the endpoint is there
  bool wired = false;                     // the library has shown its lanes, and they are allowed
  std::string transport;
  std::optional<Error> broken;  // found inside a callback; the link goes down in poll()
  std::uint32_t unfinished_flushes = 0;
  TimePoint last_traffic{};

  // Filled by the worker's callbacks, emptied by poll().
  FixedFifo<wire::ControlMessage> inbound;
  FixedFifo<FlushReport> flushed;
  std::optional<TimePoint> front_waits_until;  // inbound's first message waits for a pool

  std::optional<PeerRegions> regions;                // at P: D's
  std::unique_ptr<transport::RemoteMemory> scratch;  // at P, UCX: D's, to measure with
  std::map<PoolId, WriterId> acknowledged;           // at P, mapped: own pools that D knows
  std::optional<WriterId> link_writer;               // at D, UCX: this incarnation in D's words
  WriterId agent_writer;                             // at D, mapped: P's agent in D's words
  std::unique_ptr<Landing> landing;                  // at D, UCX: if chunks land beside their slots
  PeerPools pools;

  Heartbeat heartbeat;
  Timer heartbeat_timer;
  Timer deadline;  // of the handshake
  RoundTrips round_trips;
  BandwidthRounds bandwidth;
};

}  // namespace pegaflow::agent
