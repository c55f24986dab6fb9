// How a link comes up.
//   D: dial → LINK → LINK_OK → endpoint, flush (wire-up) → lanes allowed → up
//   P: LINK → endpoint, rkeys → LINK_OK, flush (wire-up) → lanes allowed, regions mapped → up
// Pools (link_pools.cc) are told of as soon as LINK_OK has passed.
#include <sys/epoll.h>

#include <utility>
#include <variant>

#include "agent/link/link.h"
#include "agent/link/tokens.h"
#include "base/check.h"
#include "base/pidfd.h"

namespace pegaflow::agent {

void Link::dial() {
  if (connection_ || !dial_address_ || stopped_) return;
  retry_.disarm();
  history_.incarnation.value += 1;
  Result<FrameSocket> socket = FrameSocket::dial(*dial_address_);
  Status opened = socket.ok() ? open_connection(history_.incarnation, std::move(*socket))
                              : Status(socket.error());
  if (opened.ok()) opened = send_link();
  if (opened.ok()) return;
  if (connection_) return go_down(opened.error());
  report_state(LinkState::kDown, opened.error().message());
  retry_later(opened.error());
}

Status Link::open_connection(LinkIncarnation incarnation, FrameSocket socket) {
  const LinkLimits& limits = environment_.limits;
  auto connection = std::make_unique<Connection>(
      environment_.loop.timers(), limits.heartbeat, limits.max_inbound, [this] { on_heartbeat(); },
      [this] { go_down(Error(Code::kUnavailable, "the handshake took too long")); });
  connection->incarnation = incarnation;
  PEGAFLOW_ASSIGN(connection->socket,
                  LinkSocket::open(environment_.loop, std::move(socket), [this] { on_socket(); }));
  PEGAFLOW_ASSIGN(connection->worker, environment_.context.make_worker(*this));
  // Its handler has nothing to do: to wake the loop is enough, poll() makes progress.
  PEGAFLOW_ASSIGN(connection->worker_watch, environment_.loop.watch(connection->worker->event_fd(),
                                                                    EPOLLIN, [](std::uint32_t) {}));
  connection->deadline.arm(environment_.loop.now() + limits.handshake);
  connection_ = std::move(connection);
  state_ = LinkState::kOpening;
  return {};
}

Status Link::send_link() {
  wire::Link link;
  link.features = kLinkFeatures;
  link.from = terms_.to;
  link.to = terms_.from;
  link.epoch = environment_.identity.epoch;
  link.expected_epoch = expected_epoch_;
  link.incarnation = connection_->incarnation;
  link.topology_hash = environment_.identity.topology_hash;
  link.mapped = terms_.mapped;
  if (link.mapped) link.boot_id = environment_.identity.boot_id;
  for (std::size_t i = 0; i < environment_.regions.size(); ++i) {
    link.regions.push_back(geometry_of(
        *environment_.regions[i],
        link.mapped ? std::vector<transport::Blob>() : environment_.registered.remote_keys(i)));
  }
  link.worker = connection_->worker->address();
  if (!link.mapped) link.probe = environment_.registered.scratch().remote_key();
  connection_->asked = link;
  return connection_->socket->send(link);
}

namespace {

// Whoever may map memory must come as this host's processes do.
Status check_road(const wire::Link& link, const FrameSocket& socket) {
  if (link.mapped != socket.is_unix()) {
    return Error(Code::kProtocol, "mapped links come over the Unix socket, others over TCP");
  }
  if (!link.mapped) return {};
  PEGAFLOW_ASSIGN(const PeerCredentials peer, peer_credentials(socket.fd()));
  return check_credentials(peer);
}

}  // namespace

void Link::accept(FrameSocket socket, const wire::Link& link) {
  Status answered = check_link(link, terms_, environment_.identity, history_);
  if (answered.ok()) answered = check_road(link, socket);
  if (!answered.ok()) {
    if (!connection_) report_state(LinkState::kRefused, answered.error().message());
    return environment_.lingering.say_no(std::move(socket), answered.error());
  }
  if (connection_) {
    go_down(Error(Code::kUnavailable,
                  "the peer builds incarnation " + std::to_string(link.incarnation.value)));
  }
  history_ = {link.epoch, link.incarnation};
  answered = open_connection(link.incarnation, std::move(socket));
  if (answered.ok()) answered = answer_link(link);
  if (answered.ok()) return;
  if (connection_) return go_down(answered.error());
  report_state(LinkState::kDown, answered.error().message());
}

Status Link::answer_link(const wire::Link& link) {
  connection_->peer_epoch = link.epoch;
  connection_->asked = link;
  connection_->regions.emplace(link.regions);
  const std::uint16_t version = negotiated_version(link);
  PEGAFLOW_TRY(connect_worker(link.worker, version));
  if (!terms_.mapped) {
    PEGAFLOW_TRY(connection_->regions->unpack(*connection_->worker));
    PEGAFLOW_ASSIGN(connection_->scratch, connection_->worker->unpack(link.probe));
  }
  wire::LinkOk ok;
  ok.version = version;
  ok.features = link.features & kLinkFeatures;
  ok.epoch = environment_.identity.epoch;
  ok.incarnation = link.incarnation;
  ok.worker = connection_->worker->address();
  PEGAFLOW_TRY(connection_->socket->send(ok));
  send_own_pools();
  return {};
}

Status Link::connect_worker(const std::vector<std::byte>& address, std::uint16_t version) {
  PEGAFLOW_TRY(connection_->worker->connect(address));
  const ChannelIdentity identity{version, environment_.identity.epoch, connection_->peer_epoch,
                                 connection_->incarnation};
  connection_->channel.emplace(identity,
                               [this](std::uint8_t type, std::span<const std::byte> bytes) {
                                 return send_bytes(type, bytes);
                               });
  PEGAFLOW_TRY(connection_->worker->flush(kWireUpToken));
  ++connection_->unfinished_flushes;
  return {};
}

void Link::on_socket() {
  for (std::size_t n = 0; n < environment_.limits.frames_per_turn && connection_; ++n) {
    Result<std::optional<LinkFrame>> frame = connection_->socket->receive();
    if (!frame.ok()) return go_down(frame.error());
    if (!*frame) return;
    const Status handled = on_frame(std::move(**frame));
    if (!handled.ok() && connection_) return go_down(handled.error());
  }
}

Status Link::on_frame(LinkFrame frame) {
  if (auto* no = std::get_if<wire::LinkNo>(&frame.message)) {
    return Error(no->code, "the peer ended it: " + no->reason);
  }
  if (auto* ok = std::get_if<wire::LinkOk>(&frame.message)) return on_link_ok(*ok);
  if (!connection_->channel) return Error(Code::kProtocol, "expected LINK_OK first");
  if (auto* region = std::get_if<wire::LinkRegion>(&frame.message)) {
    return on_link_region(*region, std::move(frame.fds));
  }
  if (auto* pool = std::get_if<wire::LinkPool>(&frame.message)) {
    return on_peer_pool(*pool, std::move(frame.fds));
  }
  if (auto* ok = std::get_if<wire::LinkPoolOk>(&frame.message)) return on_pool_ok(*ok);
  if (auto* gone = std::get_if<wire::LinkPoolGone>(&frame.message)) return on_pool_gone(*gone);
  if (auto* probe = std::get_if<wire::LinkProbe>(&frame.message)) {
    measured_bandwidth(static_cast<double>(probe->bytes_per_second));
    return {};
  }
  if (std::holds_alternative<wire::LinkProbeAsk>(frame.message)) {
    measure();
    return {};
  }
  return Error(Code::kProtocol, "a second LINK on one link socket");
}

Status Link::on_link_ok(const wire::LinkOk& message) {
  if (terms_.we_are_source || connection_->channel) {
    return Error(Code::kProtocol, "LINK_OK out of turn");
  }
  PEGAFLOW_TRY(check_link_ok(message, connection_->asked));
  connection_->peer_epoch = message.epoch;
  PEGAFLOW_TRY(name_writers());
  if (!terms_.mapped && environment_.registered.any_landing()) {
    PEGAFLOW_ASSIGN(connection_->landing,
                    Landing::create(environment_.registered, environment_.limits.max_inbound));
  }
  PEGAFLOW_TRY(connect_worker(message.worker, static_cast<std::uint16_t>(message.version)));
  if (terms_.mapped) PEGAFLOW_TRY(send_regions());
  send_own_pools();
  return {};
}

Status Link::name_writers() {
  if (terms_.path == DataPath::kUcx) {
    PEGAFLOW_ASSIGN(connection_->link_writer, environment_.writers.add());
  } else {
    PEGAFLOW_ASSIGN(UniqueFd pidfd, pidfd_of_peer(connection_->socket->fd()));
    PEGAFLOW_ASSIGN(connection_->agent_writer,
                    peer_writers_.number_of(connection_->peer_epoch.value, std::move(pidfd),
                                            WriterTable::kGpuTeardown));
  }
  return {};
}

Status Link::send_regions() {
  std::uint16_t index = 0;
  for (const memory::Region* region : environment_.regions) {
    PEGAFLOW_TRY(connection_->socket->send(wire::LinkRegion{index++, connection_->agent_writer},
                                           region->fds()));
  }
  return {};
}

Status Link::on_link_region(const wire::LinkRegion& message, std::vector<UniqueFd> fds) {
  if (!connection_->regions || !terms_.mapped) {
    return Error(Code::kProtocol, "only D of a mapped link sends LINK_REGION");
  }
  PEGAFLOW_TRY(connection_->regions->map(message, std::move(fds), environment_.device));
  go_up_if_ready();
  return {};
}

Status Link::on_wired(const Status& flushed) {
  if (!flushed.ok()) return flushed.error();
  PEGAFLOW_ASSIGN(const transport::LaneInfo lanes, connection_->worker->lanes());
  PEGAFLOW_TRY(check_lanes(terms_, lanes));
  connection_->transport = transport_name(terms_, lanes);
  environment_.log.info("link " + terms_.name() + ": incarnation " +
                        std::to_string(connection_->incarnation.value) + " over " +
                        connection_->transport + " (" + lanes.text + ")");
  connection_->wired = true;
  go_up_if_ready();
  return {};
}

void Link::go_up_if_ready() {
  if (up() || !connection_->wired) return;
  if (terms_.mapped && terms_.we_are_source && !connection_->regions->all_mapped()) return;
  connection_->deadline.disarm();
  next_retry_ = environment_.limits.first_retry;
  report_state(LinkState::kUp, "");
  connection_->heartbeat_timer.arm(environment_.loop.now() + environment_.limits.heartbeat.period);
  probe_.link_up(connection_->transport);
  environment_.events.on_link_up(*this);
  // A copy: the upper half may do anything in answer.
  const std::vector<PeerPool> pools(peer_pools().begin(), peer_pools().end());
  for (const PeerPool& pool : pools) {
    if (up()) environment_.events.on_peer_pool(*this, pool);
  }
  if (!up()) return;
  for (const auto& [pool, writer] : connection_->acknowledged) map_regions_for(pool, writer);
  measure();
}

}  // namespace pegaflow::agent
