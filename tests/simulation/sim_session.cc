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
  if (!ended) inbox.push_back(message);
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
