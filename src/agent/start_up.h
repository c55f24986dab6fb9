// The steps of an agent's start that need no loop: which node, whose socket, which memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/devices.h"
#include "base/clock.h"
#include "base/seqpacket.h"
#include "base/strong_id.h"
#include "memory/region.h"
#include "pegaflow/result.h"
#include "topology/topology.h"
#include "transport/transport.h"

namespace pegaflow::agent {

// kNotFound lists the names there are.
Result<const topology::Node*> find_node(const topology::Topology& topology,
                                        const std::string& name);

// The node's socket for engines, as the only live process that serves it. Waits for a
// predecessor's end up to `timeout`. kAlreadyExists names the process that lives.
Result<SeqpacketListener> take_over_socket(const std::string& path, Millis timeout);

// Leaves this agent's epoch beside the socket, for its successor; returns the predecessor's.
// REQUIRES: take_over_socket.
Result<std::optional<AgentEpoch>> exchange_epoch(const std::string& socket_path, AgentEpoch own);

using Regions = std::vector<std::unique_ptr<memory::Region>>;
// `devices` outlives them. kResourceExhausted: the machine has too little memory; kUnsupported: a
// kind of memory, or a region of more segments than a message carries files.
Result<Regions> create_regions(const topology::Node& node, Devices& devices);

// Whether what peers put over UCX lands beside the region: cuda_ipc cannot write into GPU memory
// that engines map.
bool lands_beside(const topology::Node& node, const memory::Region& region);

transport::ContextConfig context_config(const topology::Node& node, const Regions& regions);

}  // namespace pegaflow::agent
