// SimSession: an engine's connection to its agent: two rings that nobody hurries, and what the
// set-up socket told. Kept after its end, so that an agent that still speaks to it is caught.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/ports.h"
#include "tests/simulation/ledger.h"

namespace pegaflow::simulation {

class SimAgent;
class SimEngine;

// A region as a client knows it: where it lies, and the client's number in its words.
struct ClientRegion {
  SimRegion* region = nullptr;
  WriterId writer;
};

class SimSession final : public agent::ClientPort {
 public:
  SimSession(Ledger& ledger, SimAgent& agent, SimEngine& engine, SessionId id, WriterId writer,
             agent::LocalPool pool);

  SessionId id() const override { return id_; }
  wire::SessionKind kind() const override { return wire::SessionKind::kWorker; }
  std::uint64_t incarnation() const override { return pools_[0].shape.incarnation; }
  std::span<const agent::LocalPool> pools() const override { return pools_; }
  WriterId writer() const override { return writer_; }
  std::optional<RegionId> own_region(std::uint16_t index) const override;
  std::optional<RegionId> peer_region(LinkId link, std::uint16_t index) const override;
  void announce(const agent::PeerPool& pool) override;
  void send(const wire::AgentMessage& message) override;
  bool takes_lent() const override;

  // The agent has taken it that all of this stream has left the engine's blocks.
  void stream_left(const StreamKey& stream);

  const agent::LocalPool& pool() const { return pools_[0]; }
  const KvShape& peer_shape(PoolId visible) const;
  ClientRegion region(RegionId id) const;
  // The client sees a peer's region from here on; nothing changes when it does already.
  void map_peer(LinkId link, SimRegion& region, WriterId writer);
  void unmap_peer(LinkId link) { mapped_.erase(link.value); }

  SimAgent& agent;
  SimEngine& engine;
  std::deque<wire::AgentMessage> inbox;    // of the engine
  std::deque<wire::ClientMessage> outbox;  // of the agent
  bool ended = false;    // process gone or connection closed; the agent may not know yet
  bool lost = false;     // the agent knows
  bool stalled = false;  // the agent was told that the mover stands still

 private:
  // Who reads an offer, and for whom all has left the blocks.
  struct Readers {
    std::uint32_t consumers = 0;
    std::map<StreamKey, std::string> streams;
    std::set<std::string> left;
    bool sent() const { return consumers != 0 && left.size() >= consumers; }
  };
  void reader_begins(const wire::RingStream& start);
  void reader_stops(const StreamKey& stream);

  Ledger& ledger_;
  SessionId id_;
  WriterId writer_;
  std::vector<agent::LocalPool> pools_;
  std::map<PoolId, KvShape> announced_;
  std::map<PoolId, std::string> consumers_;  // what a pool's rank is called as a reader
  std::map<Key, Readers> readers_;
  std::vector<ClientRegion> regions_;         // by RegionId - 1; the agent's own first
  std::map<std::uint16_t, RegionId> mapped_;  // link → its peer's region
};

}  // namespace pegaflow::simulation
