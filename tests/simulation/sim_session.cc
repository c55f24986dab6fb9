#include "tests/simulation/sim_session.h"

#include "base/check.h"
#include "tests/simulation/sim_agent.h"

namespace pegaflow::simulation {

SimSession::SimSession(Ledger& ledger, SimAgent& its_agent, SimEngine& its_engine, SessionId id,
                       WriterId writer, agent::LocalPool pool)
    : agent(its_agent),
      engine(its_engine),
      ledger_(ledger),
      id_(id),
      writer_(writer),
      pools_{std::move(pool)},
      regions_{{its_agent.region, writer}} {}

std::optional<RegionId> SimSession::own_region(std::uint16_t index) const {
  if (index != 0) return {};
  return RegionId{1};
}

std::optional<RegionId> SimSession::peer_region(LinkId link, std::uint16_t index) const {
  const auto at = mapped_.find(link.value);
  if (index != 0 || at == mapped_.end()) return {};
  return at->second;
}

void SimSession::send(const wire::AgentMessage& message) {
  if (lost) ledger_.broken("an agent speaks to a client that it was told is gone");
  if (const auto* start = std::get_if<wire::RingStream>(&message)) reader_begins(*start);
  if (const auto* stop = std::get_if<wire::RingStop>(&message)) reader_stops(stop->stream);
  if (!ended) inbox.push_back(message);
}

bool SimSession::takes_lent() const { return engine.looks; }

void SimSession::announce(const agent::PeerPool& pool) {
  announced_[pool.visible] = pool.shape;
  consumers_[pool.visible] = pool.instance + "/" + std::to_string(pool.shape.rank.tp);
}

// An offer that was sent is closed to further readers: its blocks may be used again.
void SimSession::reader_begins(const wire::RingStream& start) {
  if (start.role != wire::StreamRole::kSource) return;
  Readers& readers = readers_[start.key];
  if (readers.sent()) {
    ledger_.broken("an offer of " + engine.name() + " that was sent is read again");
  }
  readers.consumers = start.streams;
  readers.streams[start.stream] = consumers_.at(start.peer_pool);
}

void SimSession::stream_left(const StreamKey& stream) {
  for (auto& [key, readers] : readers_) {
    const auto at = readers.streams.find(stream);
    if (at != readers.streams.end()) readers.left.insert(at->second);
  }
}

// It may be read again by another attempt, unless that was the last to leave.
void SimSession::reader_stops(const StreamKey& stream) {
  for (auto& [key, readers] : readers_) {
    const auto at = readers.streams.find(stream);
    if (at != readers.streams.end() && !readers.sent()) readers.left.erase(at->second);
  }
}

const KvShape& SimSession::peer_shape(PoolId visible) const {
  const auto at = announced_.find(visible);
  PEGAFLOW_CHECK(at != announced_.end());
  return at->second;
}

ClientRegion SimSession::region(RegionId id) const {
  PEGAFLOW_CHECK(id.value >= 1 && id.value <= regions_.size());
  return regions_[id.value - 1U];
}

void SimSession::map_peer(LinkId link, SimRegion& region, WriterId writer) {
  if (mapped_.contains(link.value)) return;
  regions_.push_back({&region, writer});
  mapped_[link.value] = RegionId{static_cast<std::uint16_t>(regions_.size())};
}

}  // namespace pegaflow::simulation
