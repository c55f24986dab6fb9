#include "agent/transfer/transfer_service.h"

#include <algorithm>
#include <variant>

namespace pegaflow::agent {
namespace {

TransferContext make_context(const TransferConfig& config, const Clock& clock,
                             std::span<memory::Region* const> regions, Copier& copier,
                             metrics::AgentProbe& probe) {
  TransferContext context{config, clock, copier, probe, {}, {}, false};
  for (memory::Region* region : regions) {
    context.regions.push_back(std::make_unique<RegionSlots>(
        static_cast<std::uint16_t>(context.regions.size()), *region, config.limits.max_streams,
        config.max_window, probe.region(region->name())));
  }
  return context;
}

}  // namespace

// One overload per message, so that the compiler finds a missing one.
struct TransferService::FromClient {
  TransferService& service;
  ClientPort& client;
  void operator()(const wire::RingOffer& m) const { service.source_.on_offer(client, m); }
  void operator()(const wire::RingReady& m) const {
    service.source_.on_ready(client, m.stream, m.ready);
  }
  void operator()(const wire::RingRewound& m) const {
    service.source_.on_ready(client, m.stream, m.ready);
  }
  void operator()(const wire::RingWithdraw& m) const { service.source_.on_withdraw(client, m); }
  void operator()(const wire::RingFinish& m) const { service.source_.on_finish(client, m); }
  void operator()(const wire::RingIntend& m) const { service.intents_.on_intend(client, m); }
  void operator()(const wire::RingReceive& m) const {
    service.intents_.on_receive(m.key);
    service.sink_.on_receive(client, m);
  }
  void operator()(const wire::RingCancel& m) const { service.sink_.on_cancel(client, m.handle); }
  void operator()(const wire::RingRelease& m) const { service.intents_.on_release(m); }
  void operator()(const wire::RingGathered& m) const { service.source_.on_gathered(client, m); }
  void operator()(const wire::RingLeft& m) const { service.source_.on_left(client, m.stream); }
  void operator()(const wire::RingScattered& m) const { service.sink_.on_scattered(client, m); }
  void operator()(const wire::RingStopped& m) const {
    service.source_.on_stopped(client, m);
    service.sink_.on_stopped(client, m);
  }
};

struct TransferService::FromPeer {
  TransferService& service;
  LinkPort& link;
  void operator()(const wire::Ping&) const {}  // answered below the seam
  void operator()(const wire::Pong&) const {}
  void operator()(const wire::Drain&) const {}
  void operator()(const wire::Intend& m) const { service.source_.on_intend(link, m); }
  void operator()(const wire::Offered& m) const { service.intents_.on_offered(link, m); }
  void operator()(const wire::Refuse& m) const {
    if (m.intent != 0) {
      service.intents_.on_refuse(link, m);
    } else {
      service.sink_.on_refuse(link, m);
    }
  }
  void operator()(const wire::Revoke& m) const { service.source_.on_revoke(link, m); }
  void operator()(const wire::Grant& m) const { service.source_.on_grant(link, m); }
  void operator()(const wire::Want& m) const { service.sink_.on_want(link, m); }
  void operator()(const wire::Credit& m) const { service.source_.on_credit(link, m); }
  void operator()(const wire::Chunk& m) const { service.sink_.on_chunk(link, m); }
  void operator()(const wire::Return& m) const { service.sink_.on_return(link, m); }
  void operator()(const wire::Done& m) const { service.source_.on_done(link, m); }
  void operator()(const wire::Abort& m) const {
    if (link.we_are_source()) {
      service.source_.on_abort(link, m);
    } else {
      service.sink_.on_abort(link, m);
    }
  }
  void operator()(const wire::Quiesced& m) const { service.sink_.on_quiesced(link, m); }
  void operator()(const wire::Release& m) const { service.source_.on_release(link, m); }
};

TransferService::TransferService(const TransferConfig& config, const Clock& clock,
                                 std::span<memory::Region* const> regions, Copier& copier,
                                 metrics::AgentProbe& probe)
    : context_(make_context(config, clock, regions, copier, probe)),
      source_(context_),
      sink_(context_),
      intents_(context_) {}

void TransferService::on_client(ClientPort& client) { source_.on_client(client); }

void TransferService::on_pool(ClientPort&, const LocalPool&) {}

void TransferService::on_client_message(ClientPort& client, const wire::ClientMessage& message) {
  std::visit(FromClient{*this, client}, message);
  lend_starved();
}

void TransferService::on_client_lost(ClientPort& client, const Error&) {
  intents_.on_client_lost(client);
  sink_.on_client_lost(client);
  source_.on_client_lost(client);
  lend_starved();
}

void TransferService::on_client_stalled(ClientPort& client) {
  context_.probe.engine_stalled();
  sink_.on_client_stalled(client);
  source_.on_client_stalled(client);
  lend_starved();
}

void TransferService::on_client_resumed(ClientPort&) {}

void TransferService::on_link_up(LinkPort& link) {
  const auto direction = link.we_are_source() ? metrics::Direction::kTo : metrics::Direction::kFrom;
  context_.links[link.id()] = {&link, &context_.probe.link(link.peer(), direction)};
  note_staging();
}

void TransferService::on_link_down(LinkPort& link, const Error&) {
  context_.links.erase(link.id());
  note_staging();
  intents_.on_link_down(link);
  if (link.we_are_source()) {
    source_.on_link_down(link);
  } else {
    sink_.on_link_down(link);
  }
  lend_starved();
}

void TransferService::on_peer_pool(LinkPort& link, const PeerPool&) {
  if (link.we_are_source()) return;
  intents_.on_peer_pool();
  sink_.on_peer_pool();
}

void TransferService::on_peer_pool_gone(LinkPort& link, const PeerPool& pool) {
  // At the sink: the source's agent tells of each stream that its engine's end ends.
  if (link.we_are_source()) source_.on_peer_pool_gone(link, pool.id);
  lend_starved();
}

void TransferService::on_control(LinkPort& link, const wire::ControlMessage& message) {
  std::visit(FromPeer{*this, link}, message);
  lend_starved();
}

void TransferService::on_link_writable(LinkPort& link) {
  if (link.we_are_source()) {
    source_.on_link_writable(link);
  } else {
    sink_.on_link_writable(link);
  }
}

void TransferService::on_flushed(LinkPort& link, std::uint64_t token, const Status& status) {
  source_.on_flushed(link, token, status);
  lend_starved();
}

void TransferService::on_writer_gone(WriterId writer) {
  source_.on_writer_gone(writer);
  sink_.on_writer_gone(writer);
  lend_starved();
}

void TransferService::on_copied(std::uint64_t token, CopyOutcome outcome, Nanos took) {
  source_.on_copied(token, outcome, took);
  lend_starved();
}

void TransferService::note_staging() {
  const bool stages =
      std::any_of(context_.links.begin(), context_.links.end(), [](const auto& entry) {
        const LinkPort& link = *entry.second.port;
        return link.we_are_source() && link.path() != DataPath::kDirect;
      });
  for (const auto& region : context_.regions) region->set_stages_own(stages);
}

bool TransferService::poll() {
  const bool found = sink_.poll();
  if (found) lend_starved();
  return found;
}

void TransferService::lend_starved() {
  source_.lend_starved();
  sink_.lend_starved();
}

void TransferService::on_time(TimePoint now) {
  intents_.on_time(now);
  source_.on_time(now);
  sink_.on_time(now);
  for (const auto& region : context_.regions) {
    region->sweep(now, context_.config.deadlines.quarantine);
  }
  lend_starved();
}

std::optional<TimePoint> TransferService::next_deadline() const {
  std::optional<TimePoint> next = source_.next_deadline();
  take_earlier(next, sink_.next_deadline());
  take_earlier(next, intents_.next_deadline());
  for (const auto& region : context_.regions) {
    // Quarantined slots are looked at now and then: their writer may be back.
    if (region->table().has_quarantined()) take_earlier(next, context_.now() + kSweepEvery);
  }
  return next;
}

void TransferService::on_gap(Nanos gap) {
  source_.on_gap(gap);
  sink_.on_gap(gap);
  intents_.on_gap(gap);
}

double TransferService::usable_share() const {
  double share = 1.0;
  for (const auto& region : context_.regions) {
    const core::SlotTable& table = region->table();
    share = std::min(share, static_cast<double>(table.usable_count()) / table.size());
  }
  return share;
}

bool TransferService::short_of_slots() const {
  return std::any_of(context_.regions.begin(), context_.regions.end(), [this](const auto& region) {
    return region->table().usable_count() < context_.config.max_window;
  });
}

TransferSnapshot TransferService::snapshot() const {
  TransferSnapshot snapshot;
  for (const auto& region : context_.regions) {
    snapshot.regions.push_back({region->region().name(), region->table().counts()});
  }
  const TimePoint now = context_.now();
  source_.describe(snapshot.transfers, now);
  sink_.describe(snapshot.transfers, now);
  snapshot.offers = source_.offers();
  snapshot.receives = sink_.receives();
  return snapshot;
}

void TransferService::report() {
  for (const auto& region : context_.regions) region->report();
}

}  // namespace pegaflow::agent
