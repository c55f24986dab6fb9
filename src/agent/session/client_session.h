// ClientSession: one connected client: HELLO, pools, mapped regions, rings. Its table of mapped
// regions is region_map.h's, its socket setup_channel.h's, its rings ring_end.h's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "agent/log.h"
#include "agent/loop.h"
#include "agent/ports.h"
#include "agent/session/limits.h"
#include "agent/session/pool_table.h"
#include "agent/session/region_map.h"
#include "agent/session/ring_end.h"
#include "agent/session/setup_channel.h"
#include "agent/writer_table.h"
#include "base/pidfd.h"
#include "base/seqpacket.h"
#include "memory/region.h"
#include "metrics/probes.h"

namespace pegaflow::agent {

class ClientSession;

// Hears of pools after the upper half did.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void pool_added(ClientSession& session, const LocalPool& pool) = 0;
  virtual void session_closed(ClientSession& session) = 0;  // its pools are gone
};

// What all sessions share; outlives them.
struct SessionEnvironment {
  Loop& loop;
  const Log& log;
  metrics::AgentProbe& probe;
  WriterTable& writers;
  PoolTable& pools;
  std::span<memory::Region* const> regions;
  ClientEvents& events;
  SessionObserver& observer;
  // Closes sessions whose clients have gone, but for the one that asks.
  std::function<void(const ClientSession&)> reap;
  SessionLimits limits;
  wire::Welcome welcome;  // without the session's own fields
};

// All calls on the loop thread. Nothing here closes the session: what goes wrong is kept in
// failure() until the server closes it, outside of everybody's callbacks.
class ClientSession final : public ClientPort {
 public:
  static constexpr std::size_t kMaxPools = 16;

  static Result<std::unique_ptr<ClientSession>> open(SessionEnvironment& environment, SessionId id,
                                                     SeqpacketSocket socket);
  ~ClientSession() override = default;

  // ---- ClientPort
  SessionId id() const override { return id_; }
  wire::SessionKind kind() const override { return kind_; }
  std::uint64_t incarnation() const override { return incarnation_; }
  std::span<const LocalPool> pools() const override { return pools_; }
  WriterId writer() const override { return writer_; }
  std::optional<RegionId> own_region(std::uint16_t index) const override;
  std::optional<RegionId> peer_region(LinkId link, std::uint16_t index) const override;
  void announce(const PeerPool& pool) override;
  void send(const wire::AgentMessage& message) override;
  bool takes_lent() const override { return version_ >= wire::kFirstSetupVersionWithLent; }
  void expect() override { rings_->wake_client(); }

  // ---- for the server
  // Reads a bounded number of ring messages and writes what waits. True: something moved.
  bool poll();
  // Reads all that the client had written before it went.
  void drain();
  bool open() const { return rings_ != nullptr; }  // HELLO was accepted
  metrics::SessionKind probe_kind() const;
  const std::optional<Error>& failure() const { return failure_; }
  void fail(const Error& error);
  bool hung_up() const { return setup_->hung_up(); }
  // Moves the agent's counter. For how many ticks in a row the client's stood still, or (before
  // HELLO) nothing came.
  std::uint32_t tick();
  bool blocked() const { return rings_ != nullptr && rings_->blocked(); }  // its ring is full
  bool stalled = false;  // as last reported to the upper half
  bool ready_to_sleep() { return rings_ == nullptr || rings_->announce_sleep(); }
  void awake();

  // ---- for links
  const std::string& instance() const { return instance_; }
  const UniqueFd& pidfd() const { return pidfd_; }
  // Maps a peer's region into the client, once per link and index.
  void map_peer_region(LinkId link, std::uint16_t index, const memory::RegionMemory& region,
                       WriterId writer);
  void unmap_peer_regions(LinkId link);
  void forget_peer_pool(PoolId visible);

 private:
  ClientSession(SessionEnvironment& environment, SessionId id, UniqueFd pidfd, pid_t pid);
  void on_setup_ready();
  Status handle(const wire::SessionMessage& message);
  Status on_hello(const wire::Hello& hello);
  Status welcome(const wire::Hello& hello);
  Status map_own_regions();
  Status map_region(const memory::RegionMemory& region, const MappedTo& to, WriterId writer);
  Status on_add_pool(const wire::AddPool& request);
  Result<LocalPool> take_pool(const wire::AddPool& request);
  void refuse(const Error& why);

  SessionEnvironment& environment_;
  const SessionId id_;
  UniqueFd pidfd_;
  const pid_t pid_;
  std::optional<Error> failure_;

  // Since HELLO:
  std::uint32_t version_ = 0;  // of the set-up messages, and of what may be on the ring
  wire::SessionKind kind_{};
  std::string instance_;
  Rank rank_;
  std::uint64_t incarnation_ = 0;
  WriterId writer_;
  std::unique_ptr<RingEnd> rings_;
  std::unique_ptr<Loop::Watch> ring_watch_;
  std::vector<LocalPool> pools_;  // room for kMaxPools from the start: references stay
  RegionMap regions_;
  std::set<PoolId> announced_;
  std::uint64_t client_tick_ = 0;
  std::uint32_t still_ticks_ = 0;

  std::unique_ptr<SetupChannel> setup_;
};

}  // namespace pegaflow::agent
