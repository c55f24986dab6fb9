// Devices: the host and the GPUs that this agent's copies and regions need, opened at start.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "memory/device.h"
#include "pegaflow/result.h"
#include "topology/topology.h"

namespace pegaflow::agent {

class Devices {
 public:
  // The GPUs whose memory the node's regions are; and one to copy with, if a link from this node
  // leads into GPU memory. kUnsupported, kNotFound: this build, machine or process has no such GPU.
  static Result<Devices> open(const topology::Topology& topology, const topology::Node& node);

  // Where the region is made.
  memory::Device& of(const topology::Node& node, const topology::RegionSpec& region);
  // REQUIRES: a region lies there.
  memory::Device& gpu(const std::string& uuid) { return *gpus_.at(uuid); }
  // What copies slot to slot and maps the slots of peers: a GPU, as soon as there is one.
  memory::Device& for_copies();
  // Those that were opened, by UUID.
  std::vector<const memory::Device*> gpus() const;

 private:
  Devices();
  Status open_gpu(const std::string& uuid);
  std::unique_ptr<memory::Device> host_;
  std::map<std::string, std::unique_ptr<memory::Device>> gpus_;  // by UUID
};

}  // namespace pegaflow::agent
