// LinkTerms: what both ends of a link know of it from the topology.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/ports.h"
#include "base/strong_id.h"
#include "topology/topology.h"
#include "transport/transport.h"

namespace pegaflow::agent {

struct LinkTerms {
  LinkId id;
  std::string from, to;  // P, D
  bool we_are_source = false;
  bool mapped = false;
  DataPath path = DataPath::kUcx;      // the shortest that pools may take
  bool path_is_forced = false;         // no other will do
  std::vector<std::string> sink_gpus;  // whose memory D's regions are, by UUID

  // The way of what an engine that reaches these GPUs sends; none: there is none that is allowed.
  std::optional<DataPath> path_for(const std::vector<std::string>& reaches) const;
  std::uint32_t window = 0;
  std::uint32_t chunk_bytes = 0;
  bool integrity = true;
  bool gpu_slots = false;               // at either end
  std::vector<std::string> transports;  // data lanes it may use; empty: mapped

  const std::string& peer() const { return we_are_source ? to : from; }
  std::string name() const { return from + "→" + to; }
};

// The links that `node` takes part in, in the topology's order; ids count from 1.
std::vector<LinkTerms> links_of(const topology::Topology& topology, const topology::Node& node);

// May this link carry data over these lanes? kUnsupported names what it got and what it may use.
Status check_lanes(const LinkTerms& terms, const transport::LaneInfo& lanes);
// What status and metrics call the link's transport: "mapped", or the data lanes.
std::string transport_name(const LinkTerms& terms, const transport::LaneInfo& lanes);

}  // namespace pegaflow::agent
