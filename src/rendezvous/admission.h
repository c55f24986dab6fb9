// Which records the service admits: those of the topology's nodes, made from the same topology.
#pragma once

#include "pegaflow/result.h"
#include "rendezvous/record.h"
#include "topology/topology.h"

namespace pegaflow::rendezvous {

// kInvalidArgument: contradicts the topology or the name in the path; kFailedPrecondition: made
// from another topology. REQUIRES: `name` is a node of the topology.
Status admit(const AgentRecord& record, std::string_view name, const topology::Topology& topology);

}  // namespace pegaflow::rendezvous
