// What the parts of the transfer logic share: configuration, time, regions, links, probes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/ports.h"
#include "agent/transfer/region_slots.h"
#include "base/clock.h"
#include "metrics/probes.h"
#include "topology/topology.h"

namespace pegaflow::agent {

struct TransferConfig {
  topology::Deadlines deadlines;
  topology::Limits limits;
  // Highest number of slots that a stream of any link may have out: eager credits leave that many.
  std::uint32_t max_window = 1;
  // Where this agent's xfers are counted from: a random number, so that those of other agents and
  // epochs differ.
  std::uint64_t first_xfer = 1;
  // Told of what breaks the protocol, in words, for the log.
  std::function<void(const std::string&)> complain = [](const std::string&) {};
};

// A link that is up, and where its events go.
struct LinkEntry {
  LinkPort* port = nullptr;
  metrics::LinkProbe* probe = nullptr;
};

struct TransferContext {
  TransferConfig config;
  const Clock& clock;
  Copier& copier;
  metrics::AgentProbe& probe;
  std::vector<std::unique_ptr<RegionSlots>> regions;
  std::map<LinkId, LinkEntry> links;  // those that are up
  bool draining = false;

  TimePoint now() const { return clock.now(); }
  // The region that stages for a pool: one in its GPU's memory, else in host memory; nullptr: none.
  RegionSlots* region_for(const KvShape& shape) const;
  RegionSlots* region(std::uint16_t index) const;
};

// The earlier of an optional and a point in time.
inline void take_earlier(std::optional<TimePoint>& earliest, std::optional<TimePoint> other) {
  if (other && (!earliest || *other < *earliest)) earliest = other;
}

}  // namespace pegaflow::agent
