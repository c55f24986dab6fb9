#include "agent/link/link.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace pegaflow::agent {

std::string_view to_string(LinkState state) {
  switch (state) {
    case LinkState::kDown:
      return "down";
    case LinkState::kOpening:
      return "opening";
    case LinkState::kUp:
      return "up";
    case LinkState::kRefused:
      return "refused";
  }
  return "?";
}

Link::Link(LinkEnvironment& environment, LinkTerms terms, std::optional<SocketAddress> dial,
           metrics::LinkProbe& probe)
    : environment_(environment),
      terms_(std::move(terms)),
      dial_address_(std::move(dial)),
      probe_(probe),
      peer_writers_(environment.writers),
      retry_(environment.loop.timers(), [this] { this->dial(); }),
      next_retry_(environment.limits.first_retry) {}

Link::~Link() = default;

AgentEpoch Link::peer_epoch() const { return connection_ ? connection_->peer_epoch : AgentEpoch{}; }

LinkIncarnation Link::incarnation() const {
  return connection_ ? connection_->incarnation : history_.incarnation;
}

std::span<const PeerPool> Link::peer_pools() const {
  return connection_ ? connection_->pools.all() : std::span<const PeerPool>();
}

bool Link::window_open() const {
  if (up() && connection_->channel->window_open()) return true;
  window_wanted_ = true;
  return false;
}

void Link::send(const wire::ControlMessage& message) {
  if (!up()) return;  // the upper half hears on_link_down, if it has not yet
  const Status sent = connection_->channel->send(message);
  if (!sent.ok()) break_later(sent.error());
  if (connection_->channel->shut()) probe_.send_window_shut();
}

bool Link::engine_writes(PoolId peer_pool) const {
  return connection_ && terms_.path == DataPath::kDirect &&
         writer_for(peer_pool) != connection_->agent_writer;
}

WriterId Link::writer_for(PoolId peer_pool) const {
  if (!connection_) return WriterId{};
  switch (terms_.path) {
    case DataPath::kUcx:
      return connection_->link_writer.value_or(WriterId{});
    case DataPath::kAgent:
      return connection_->agent_writer;
    case DataPath::kDirect:
      break;
  }
  const PeerPool* pool = connection_->pools.find(peer_pool);
  return pool != nullptr ? pool->writer : WriterId{};
}

Status Link::put(std::uint16_t own_region, SlotIndex own_slot, std::uint32_t bytes,
                 const wire::RemoteSlot& remote) {
  if (!up()) return Error(Code::kUnavailable, "the link is down");
  PEGAFLOW_CHECK(terms_.we_are_source && terms_.path == DataPath::kUcx);
  PEGAFLOW_ASSIGN(const RemotePlace place, connection_->regions->place(remote, bytes));
  const std::span<std::byte> slot = environment_.registered.region(own_region).slot(own_slot);
  PEGAFLOW_CHECK(bytes <= slot.size());
  return connection_->worker->put(slot.first(bytes),
                                  environment_.registered.memory_of(own_region, own_slot),
                                  *place.memory, place.offset);
}

Status Link::flush(std::uint64_t token) {
  if (!up()) return Error(Code::kUnavailable, "the link is down");
  PEGAFLOW_TRY(connection_->worker->flush(token));
  ++connection_->unfinished_flushes;
  return {};
}

memory::MappedRegion* Link::peer_region(std::uint16_t index) {
  return up() && connection_->regions ? connection_->regions->mapped(index) : nullptr;
}

WriterId Link::own_writer() const {
  return up() && connection_->regions ? connection_->regions->agent_writer() : WriterId{};
}

void Link::reset(const Error& why) {
  if (!connection_ || !connection_->worker) return;  // it is going down already
  if (terms_.path == DataPath::kUcx) probe_.fenced();
  go_down(why);
}

void Link::stop(const Error& why) {
  stopped_ = true;
  if (connection_ && connection_->worker) go_down(why);
  retry_.disarm();
}

transport::Blob Link::worker_address() const {
  return connection_ && connection_->worker ? connection_->worker->address() : transport::Blob();
}

void Link::report_state(LinkState state, const std::string& text) {
  state_ = state;
  reason_ = text;
  const std::string line = "link " + terms_.name() + ": " + std::string(to_string(state)) +
                           (text.empty() ? "" : ": " + text);
  if (std::exchange(logged_, line) == line) return;  // tried again, with the same result
  if (state == LinkState::kUp) {
    environment_.log.info(line);
  } else {
    environment_.log.warning(line);
  }
}

void Link::go_down(const Error& why) {
  // What follows may call anything here: the connection must be gone for all of it but this.
  const bool was_up = up();
  const bool refused = why.code() == Code::kUnsupported ||
                       why.code() == Code::kFailedPrecondition ||
                       why.code() == Code::kInvalidArgument;
  report_state(refused ? LinkState::kRefused : LinkState::kDown, why.message());
  connection_->heartbeat_timer.disarm();
  connection_->deadline.disarm();
  connection_->worker_watch.reset();
  connection_->channel.reset();
  connection_->worker.reset();   // fences: from here on no write of the peer lands
  connection_->landing.reset();  // nor does a copy of what had landed
  unmap_everything(*connection_);
  if (was_up) {
    probe_.link_down();
    environment_.events.on_link_down(*this, why);
  }
  const std::unique_ptr<Connection> ended = std::move(connection_);
  for (const PeerPool& pool : ended->pools.all()) {
    environment_.sessions.forget_peer_pool(pool.visible);
  }
  environment_.lingering.say_no(ended->socket->release(), why);
  if (ended->link_writer) environment_.writers.ended(*ended->link_writer);
  if (!terms_.we_are_source && !stopped_) retry_later(why);
}

void Link::unmap_everything(Connection& connection) {
  if (!connection.regions) return;
  environment_.sessions.for_each(
      [this](ClientSession& session) { session.unmap_peer_regions(terms_.id); });
  environment_.copier.keep_until_copied(connection.regions->take_mappings());
}

void Link::retry_later(const Error& why) {
  Nanos wait = next_retry_;
  next_retry_ = std::min(next_retry_ * 2, environment_.limits.last_retry);
  if (state_ == LinkState::kRefused) wait = environment_.limits.refused_retry;
  if (why.code() == Code::kUnavailable) expected_epoch_ = {};
  retry_.arm(environment_.loop.now() + wait);
}

LinkStatus Link::status() const {
  LinkStatus status;
  status.peer = terms_.peer();
  status.we_are_source = terms_.we_are_source;
  status.state = state_;
  status.reason = up() ? "" : reason_;
  status.path = terms_.path;
  status.peer_epoch = peer_epoch();
  status.incarnation = incarnation();
  status.bytes_per_second = bytes_per_second_;
  status.round_trip = round_trip_;
  if (!connection_) return status;
  status.transport = connection_->transport;
  status.peer_pools = static_cast<std::uint32_t>(connection_->pools.all().size());
  if (connection_->channel) {
    status.unacknowledged = connection_->channel->unacknowledged();
    status.queued = static_cast<std::uint32_t>(connection_->channel->queued());
  }
  return status;
}

}  // namespace pegaflow::agent
