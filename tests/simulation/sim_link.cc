#include "tests/simulation/sim_link.h"

#include <algorithm>

#include "base/check.h"

namespace pegaflow::simulation {

bool SimLink::can_connect() const {
  return p_end.state == EndState::kDown && d_end.state == EndState::kDown && p.running() &&
         d.running();
}

void SimLink::connect() {
  ++incarnation.value;
  sink_region = d.region;
  if (options.path == agent::DataPath::kUcx) link_writer = d.new_writer();
  if (options.path == agent::DataPath::kAgent) agent_writer = d.writer_of(p.epoch.value);
  p_end.open();
  d_end.open();
}

void SimLink::bring_back_former() {
  for (LinkEnd* end : {&p_end, &d_end}) {
    if (!end->former_first_.empty()) end->arriving.push_back(end->former_first_);
  }
}

bool SimLink::land_one() {
  if (puts.empty()) return false;
  const Put put = shared.dice.take(puts);
  if (put.read != 0) shared.ledger.read_ends(put.read);
  if (put.to == nullptr) return true;
  const std::span<std::byte> to = put.to->bytes(put.slot).first(put.bytes);
  if (put.on_the_wire.empty()) {
    const auto from = put.from->bytes(put.own_slot).first(put.bytes);
    std::copy(from.begin(), from.end(), to.begin());
  } else {
    std::copy(put.on_the_wire.begin(), put.on_the_wire.end(), to.begin());
  }
  shared.ledger.write_ends(*put.to, put.slot);
  return true;
}

bool SimLink::flush_done(std::uint64_t token) const {
  return std::none_of(puts.begin(), puts.end(),
                      [token](const Put& put) { return put.flush == token; });
}

bool SimLink::can_report_flush() const { return !flushes.empty() && flush_done(flushes.front()); }

bool SimLink::report_flush() {
  if (!can_report_flush()) return false;
  const std::uint64_t token = flushes.front();
  flushes.pop_front();
  // A flush towards a worker that is gone fails, unless the end is noticed first.
  const bool delivered = d_end.state != EndState::kDown && !p_end.eof;
  p.service->on_flushed(p_end, token,
                        delivered ? Status() : Error(Code::kUnavailable, "endpoint is gone"));
  return true;
}

void SimLink::drop_puts() {
  for (Put& put : puts) {
    if (put.to != nullptr) shared.ledger.write_ends(*put.to, put.slot);
    put.to = nullptr;
  }
  std::erase_if(puts, [](const Put& put) { return put.from == nullptr; });
}

void SimLink::send_off_puts() {
  flushes.clear();
  std::vector<Put> kept;
  for (Put& put : puts) {
    if (put.read != 0) shared.ledger.read_ends(put.read);
    put.read = 0;
    if (put.to == nullptr) continue;
    if (shared.dice.one_in(2)) {
      shared.ledger.write_ends(*put.to, put.slot);
      continue;
    }
    const auto from = put.from->bytes(put.own_slot).first(put.bytes);
    put.on_the_wire.assign(from.begin(), from.end());
    put.from = nullptr;
    kept.push_back(put);
  }
  puts = std::move(kept);
}

// ---- LinkEnd: what it is

LinkId LinkEnd::id() const { return LinkId{link_.number()}; }
LinkIncarnation LinkEnd::incarnation() const { return link_.incarnation; }
agent::DataPath LinkEnd::path() const { return link_.options.path; }
std::uint32_t LinkEnd::window() const { return link_.options.window; }
std::uint32_t LinkEnd::chunk_bytes() const { return link_.options.chunk_bytes; }
SimAgent& LinkEnd::agent() const { return source_ ? link_.p : link_.d; }
SimAgent& LinkEnd::other_agent() const { return source_ ? link_.d : link_.p; }
LinkEnd& LinkEnd::other() const { return source_ ? link_.d_end : link_.p_end; }

WriterId LinkEnd::writer_for(PoolId peer_pool) const {
  if (path() == agent::DataPath::kUcx) return link_.link_writer;
  if (path() == agent::DataPath::kAgent) return link_.agent_writer;
  for (const agent::PeerPool& pool : pools_) {
    if (pool.id == peer_pool) return pool.writer;
  }
  return WriterId{};
}

WriterId LinkEnd::own_writer() const { return link_.agent_writer; }

memory::MappedRegion* LinkEnd::peer_region(std::uint16_t index) {
  return index == 0 && state == EndState::kUp ? &link_.sink_region->mapped : nullptr;
}

// ---- LinkEnd: up and down

void LinkEnd::open() {
  state = EndState::kOpening;
  eof = false;
  broken = false;
  arriving.clear();
  inbound_.clear();
  pools_.clear();  // an end that went with its process kept them
  told_.clear();
  former_first_ = std::move(first_);
  first_.clear();
  const agent::ChannelIdentity identity{wire::kControlVersion, agent().epoch, other_agent().epoch,
                                        link_.incarnation};
  channel_ = std::make_unique<agent::ControlChannel>(
      identity, [this](std::uint8_t, std::span<const std::byte> bytes) {
        if (other().state != EndState::kDown && !eof) other().arrives(bytes);
        return Status();
      });
  heartbeat_ = std::make_unique<agent::Heartbeat>(agent::HeartbeatLimits{});
}

void LinkEnd::arrives(std::span<const std::byte> packet) {
  arriving.emplace_back(packet.begin(), packet.end());
  if (first_.empty()) first_ = arriving.back();
}

void LinkEnd::go_up() {
  state = EndState::kUp;
  agent().service->on_link_up(*this);
  while (state == EndState::kUp && pools_differ()) sync_pools();
}

void LinkEnd::go_down(const Error& why) {
  if (state == EndState::kDown) return;
  const bool was_up = state == EndState::kUp;
  vanish();
  if (was_up) agent().service->on_link_down(*this, why);
  pools_.clear();
  if (!source_ && path() == agent::DataPath::kUcx) agent().writer_gone(link_.link_writer);
}

void LinkEnd::vanish() {
  state = EndState::kDown;
  arriving.clear();
  inbound_.clear();
  channel_.reset();
  eof = false;
  broken = false;
  window_wanted_ = false;
  if (other().state != EndState::kDown) other().eof = true;
  if (source_) {
    link_.send_off_puts();
  } else {
    link_.drop_puts();
  }
  if (source_) {
    for (SimSession* session : link_.p.sessions) session->unmap_peer(id());
  }
}

// ---- LinkEnd: pools

const SimSession* LinkEnd::find_pool(const agent::PeerPool& pool) const {
  for (const SimSession* session : other_agent().sessions) {
    if (session->pool().id == pool.id && session->engine.source != source_) return session;
  }
  return nullptr;
}

bool LinkEnd::pools_differ() const {
  if (state != EndState::kUp || !other_agent().alive || eof) return false;
  std::size_t live = 0;
  for (const SimSession* session : other_agent().sessions) {
    if (session->engine.source != source_) ++live;
  }
  return live != pools_.size() || std::any_of(pools_.begin(), pools_.end(), [this](const auto& p) {
           return find_pool(p) == nullptr;
         });
}

void LinkEnd::sync_pools() {
  const auto gone = std::find_if(pools_.begin(), pools_.end(),
                                 [this](const auto& pool) { return find_pool(pool) == nullptr; });
  if (gone != pools_.end()) {
    const agent::PeerPool pool = *gone;
    pools_.erase(gone);
    return agent().service->on_peer_pool_gone(*this, pool);
  }
  for (const SimSession* session : other_agent().sessions) {
    if (session->engine.source == source_) continue;
    const agent::LocalPool& local = session->pool();
    const bool known = std::any_of(pools_.begin(), pools_.end(),
                                   [&local](const auto& pool) { return pool.id == local.id; });
    if (known) continue;
    const WriterId writer = !source_ && path() == agent::DataPath::kDirect
                                ? agent().writer_of(session->incarnation())
                                : WriterId{};
    pools_.push_back({local.id, PoolId{agent().next_visible++}, local.instance, local.shape,
                      local.shape_hash, writer});
    if (!source_) other().told_[local.id] = writer;
    const agent::PeerPool added = pools_.back();
    return agent().service->on_peer_pool(*this, added);
  }
}

// The sink has told the number of every engine whose pool it knows. It stays told, also when the
// sink has learnt meanwhile that this engine is dead.
void LinkEnd::map_regions() {
  if (!source_ || path() != agent::DataPath::kDirect) return;
  for (SimSession* session : link_.p.sessions) {
    const auto told = told_.find(session->pool().id);
    if (told != told_.end()) session->map_peer(id(), *link_.sink_region, told->second);
  }
}

// ---- LinkEnd: data

Status LinkEnd::put(std::uint16_t own_region, SlotIndex own_slot, std::uint32_t bytes,
                    const wire::RemoteSlot& remote) {
  if (state != EndState::kUp) return Error(Code::kUnavailable, "the link is down");
  PEGAFLOW_CHECK(own_region == 0 && remote.region == 0);
  SimLink::Put put;
  put.from = link_.p.region;
  put.own_slot = own_slot;
  put.slot = remote.slot;
  put.bytes = bytes;
  put.read = link_.shared.ledger.read_begins(*put.from, own_slot, "a put");
  if (other().state != EndState::kDown && !eof) {
    put.to = link_.sink_region;
    link_.shared.ledger.write_begins({put.to, remote.slot,
                                      core::loaned_word(remote.generation, link_.link_writer),
                                      "a put of " + link_.p.name});
  }
  link_.puts.push_back(put);
  return {};
}

Status LinkEnd::flush(std::uint64_t token) {
  if (state != EndState::kUp) return Error(Code::kUnavailable, "the link is down");
  for (SimLink::Put& put : link_.puts) {
    if (put.flush == 0 && put.on_the_wire.empty()) put.flush = token;
  }
  link_.flushes.push_back(token);
  return {};
}

// ---- LinkEnd: messages

void LinkEnd::send(const wire::ControlMessage& message) {
  if (state != EndState::kUp) return;
  if (!channel_->send(message).ok()) broken = true;
}

bool LinkEnd::window_open() const {
  if (state == EndState::kUp && channel_->window_open()) return true;
  window_wanted_ = true;
  return false;
}

bool LinkEnd::can_deliver() const {
  if (state != EndState::kUp || broken) return false;
  if (!arriving.empty()) return true;
  return !inbound_.empty() && !grant_waits(inbound_.front());
}

// A GRANT may overtake the pools that it names.
bool LinkEnd::grant_waits(const wire::ControlMessage& message) const {
  return std::holds_alternative<wire::Grant>(message) && pools_differ();
}

bool LinkEnd::deliver_one() {
  if (!can_deliver()) return false;
  if (!arriving.empty()) {
    const Packet packet = arriving.front();
    arriving.pop_front();
    auto received = channel_->receive(packet);
    if (!received.ok()) {
      go_down(received.error());
      return true;
    }
    heartbeat_->heard();
    if (*received) inbound_.push_back(**received);
  }
  if (!inbound_.empty() && !grant_waits(inbound_.front())) {
    const wire::ControlMessage message = inbound_.front();
    inbound_.pop_front();
    hear(message);
  }
  if (state == EndState::kUp && channel_->ack_due()) send(wire::Ping{1});
  if (state == EndState::kUp && window_wanted_ && channel_->window_open()) {
    window_wanted_ = false;
    agent().service->on_link_writable(*this);
  }
  return true;
}

void LinkEnd::hear(const wire::ControlMessage& message) {
  if (const auto* ping = std::get_if<wire::Ping>(&message)) {
    send(wire::Pong{ping->stamp_ns});
  } else if (!std::holds_alternative<wire::Pong>(message)) {
    note_credits(message);
    map_regions();
    agent().service->on_control(*this, message);
  }
}

void LinkEnd::note_credits(const wire::ControlMessage& message) {
  const auto note = [this](const wire::RemoteSlot& slot) {
    link_.shared.ledger.credit(*link_.sink_region, slot.slot, slot.generation, "peer");
  };
  if (const auto* grant = std::get_if<wire::Grant>(&message)) {
    for (const wire::RemoteSlot& slot : grant->eager) note(slot);
  } else if (const auto* credit = std::get_if<wire::Credit>(&message)) {
    for (const wire::RemoteSlot& slot : credit->slots) note(slot);
  }
}

void LinkEnd::heartbeat() {
  if (state != EndState::kUp || broken) return;
  const Status alive = heartbeat_->tick(*channel_);
  if (!alive.ok()) return go_down(alive.error());
  send(wire::Ping{1});
}

}  // namespace pegaflow::simulation
