#include "agent/start_up.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <utility>

#include "base/packet.h"
#include "base/pidfd.h"
#include "rendezvous/record.h"

namespace pegaflow::agent {
namespace {

constexpr Millis kLongestWait{200};  // between two looks at a predecessor

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The pid in the lock file beside the socket; 0: none.
pid_t lock_holder(const std::string& socket_path) {
  const std::string line = first_line(socket_path + ".lock");
  pid_t pid = 0;
  std::from_chars(line.data(), line.data() + line.size(), pid);
  return pid;
}

// Returns early when the process ends.
void wait_for_end(pid_t pid, Millis limit) {
  const Result<UniqueFd> pidfd = pid > 0 ? pidfd_of_process(pid) : Error(Code::kNotFound, "no pid");
  pollfd entry{pidfd.ok() ? pidfd->get() : -1, POLLIN, 0};
  ::poll(&entry, 1, static_cast<int>(limit.count()));
}

std::string epoch_path(const std::string& socket_path) { return socket_path + ".epoch"; }

std::optional<AgentEpoch> read_epoch(const std::string& path) {
  const Result<AgentEpoch> epoch = rendezvous::epoch_from_text(first_line(path));
  return epoch.ok() ? std::optional(*epoch) : std::nullopt;
}

}  // namespace

Result<const topology::Node*> find_node(const topology::Topology& topology,
                                        const std::string& name) {
  const topology::Node* node = topology.node(name);
  if (node != nullptr) return node;
  std::string names;
  for (const topology::Node& known : topology.nodes) {
    names += (names.empty() ? "" : ", ") + known.name;
  }
  return Error(Code::kNotFound, "the topology has no node \"" + name + "\"; it has " + names);
}

Result<SeqpacketListener> take_over_socket(const std::string& path, Millis timeout) {
  const SteadyClock clock;
  const TimePoint deadline = clock.now() + timeout;
  while (true) {
    Result<SeqpacketListener> listener = SeqpacketListener::listen(path);
    if (listener.ok() || listener.error().code() != Code::kAlreadyExists) return listener;
    const Nanos left = deadline - clock.now();
    if (left <= Nanos(0)) {
      return listener.error().within("another agent of this node did not end within " +
                                     std::to_string(timeout.count()) + " ms");
    }
    wait_for_end(lock_holder(path), std::min(kLongestWait, std::chrono::ceil<Millis>(left)));
  }
}

Result<std::optional<AgentEpoch>> exchange_epoch(const std::string& socket_path, AgentEpoch own) {
  const std::string path = epoch_path(socket_path);
  const std::optional<AgentEpoch> before = read_epoch(path);
  std::ofstream file(path, std::ios::trunc);
  file << rendezvous::epoch_to_text(own) << '\n';
  if (!file.flush()) return Error(Code::kSystem, "cannot write " + path);
  return before;
}

Result<Regions> create_regions(const topology::Node& node, Devices& devices) {
  Regions regions;
  for (const topology::RegionSpec& spec : node.regions) {
    Result<memory::Region> region = memory::Region::create({.name = spec.name,
                                                            .memory = spec.memory,
                                                            .slot_bytes = spec.slot_bytes,
                                                            .slot_count = spec.slot_count},
                                                           devices.of(node, spec));
    if (!region.ok()) return region.error().within("region " + spec.name);
    if (region->shape().segments + 1 > kMaxPacketFds) {
      return Error(Code::kUnsupported,
                   "region " + spec.name + " has " + std::to_string(region->shape().segments) +
                       " segments of 4 GiB, at most " + std::to_string(kMaxPacketFds - 1) +
                       " can be shared: split it");
    }
    regions.push_back(std::make_unique<memory::Region>(std::move(*region)));
  }
  return regions;
}

bool lands_beside(const topology::Node& node, const memory::Region& region) {
  return region.shape().memory == MemoryKind::kCuda &&
         node.ucx.tls.find("cuda_ipc") != std::string::npos;
}

transport::ContextConfig context_config(const topology::Node& node, const Regions& regions) {
  transport::ContextConfig config;
  config.tls = node.ucx.tls;
  config.net_devices = node.ucx.net_devices;
  config.settings = node.ucx.settings;
  config.max_registrations = 1;  // the scratch memory of measurements
  for (const auto& region : regions) {
    const std::uint32_t copies = lands_beside(node, *region) ? 2 : 1;
    config.max_registrations += copies * region->shape().segments;
  }
  return config;
}

}  // namespace pegaflow::agent
