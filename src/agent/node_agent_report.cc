// What an agent tells of itself: its configuration to the log, its state to operators, its record
// to the rendezvous service.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "agent/node_agent.h"
#include "agent/version.h"

namespace pegaflow::agent {

void NodeAgent::log_configuration() const {
  log_->info("version " + std::string(kVersion) + ", " + std::string(context_->name()) + " " +
             context_->version() + ", cluster " + topology_.cluster + ", topology " +
             topology_.hash + ", epoch " + rendezvous::epoch_to_text(epoch_));
  log_->info("engines: " + node_->socket + ", control: " + node_->control.text() +
             ", http: " + node_->http.text() + ", rendezvous: " + topology_.rendezvous.text());
  log_->info("ucx: TLS=" + node_->ucx.tls +
             " NET_DEVICES=" + (node_->ucx.net_devices.empty() ? "(any)" : node_->ucx.net_devices));
  if (context_->name() == "ucx" && context_->version().rfind("1.13.", 0) == 0) {
    log_->warning(
        "UCX 1.13 aborts when a link is given up in the middle of its wire-up, which ends "
        "this agent: 1.14 or newer does not (docs/TRANSPORTS.md)");
  }
  for (const topology::RegionSpec& region : node_->regions) {
    log_->info("region " + region.name + ": " + std::to_string(region.slot_count) + " slots of " +
               std::to_string(region.slot_bytes) + " bytes, " +
               std::string(topology::to_string(region.memory)));
  }
  for (const LinkTerms& link : links_of(topology_, *node_)) {
    log_->info("link " + link.name() + ": window " + std::to_string(link.window) + ", chunks of " +
               std::to_string(link.chunk_bytes) + " bytes, " + (link.mapped ? "mapped" : "ucx"));
  }
  for (const std::string& warning : topology_.warnings) log_->warning("topology: " + warning);
}

std::string NodeAgent::not_ready() const {
  if (drain_deadline_) return "draining";
  if (transfers_->short_of_slots()) return "fewer usable slots than one window";
  return "";
}

AgentStatus NodeAgent::status() const {
  AgentStatus status;
  status.node = node_->name;
  status.version = kVersion;
  status.ucx = context_->version();
  status.epoch = epoch_;
  status.topology_hash = topology_.hash;
  status.not_ready = not_ready();
  status.ready = status.not_ready.empty();
  status.draining = drain_deadline_.has_value();
  status.links = links_->status();
  sessions_->for_each([&](const ClientSession& session) {
    status.sessions.push_back(
        {.id = session.id(),
         .kind = session.kind() == wire::SessionKind::kWorker ? "worker" : "control",
         .instance = session.instance(),
         .pools = static_cast<std::uint32_t>(session.pools().size()),
         .stalled = session.stalled});
  });
  status.transfers = transfers_->snapshot();
  status.places = places_;
  return status;
}

std::vector<GpuStatus> NodeAgent::gpu_status() const {
  std::vector<GpuStatus> gpus;
  for (const memory::Device* device : devices_->gpus()) {
    GpuStatus gpu{device->gpu_uuid(), 0, std::nullopt};
    for (const RegionPlace& place : places_) {
      if (place.gpu == gpu.uuid) gpu.region_bytes += place.bytes + place.landing_bytes;
    }
    const auto held = device->process_bytes();
    if (held) gpu.context_bytes = *held - std::min(*held, gpu.region_bytes);
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

rendezvous::AgentRecord NodeAgent::record() const {
  rendezvous::AgentRecord record;
  record.name = node_->name;
  record.epoch = epoch_;
  record.control = node_->control.text();
  record.http = node_->http.text();
  record.topology_hash = topology_.hash;
  record.build = {.version = kVersion, .ucx = context_->version()};
  for (const auto& link : links_->all()) {
    record.links.push_back({.peer = link->peer(),
                            .direction = link->we_are_source() ? "to" : "from",
                            .incarnation = link->incarnation(),
                            .worker_address = link->worker_address()});
    const std::string transport = link->status().transport;
    if (!transport.empty()) record.transports.push_back(transport);
  }
  std::sort(record.transports.begin(), record.transports.end());
  record.transports.erase(std::unique(record.transports.begin(), record.transports.end()),
                          record.transports.end());
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    const memory::RegionShape& shape = regions_[i]->shape();
    record.regions.push_back({.name = regions_[i]->name(),
                              .memory = shape.memory,
                              .slot_bytes = shape.slot_bytes,
                              .slot_count = shape.slot_count,
                              .rkeys = i < registered_->size() ? registered_->remote_keys(i)
                                                               : std::vector<transport::Blob>()});
  }
  sessions_->for_each([&](const ClientSession& session) {
    for (const LocalPool& pool : session.pools()) {
      record.pools.push_back({.id = pool.id, .instance = pool.instance, .shape = pool.shape});
    }
  });
  return record;
}

}  // namespace pegaflow::agent
