#include "agent/session/client_session.h"

#include <sys/epoll.h>

#include <utility>
#include <variant>

#include "base/check.h"

namespace pegaflow::agent {

Result<std::unique_ptr<ClientSession>> ClientSession::open(SessionEnvironment& environment,
                                                           SessionId id, SeqpacketSocket socket) {
  PEGAFLOW_ASSIGN(const PeerCredentials peer, peer_credentials(socket.fd()));
  PEGAFLOW_ASSIGN(UniqueFd pidfd, pidfd_of_peer(socket.fd()));
  std::unique_ptr<ClientSession> session(
      new ClientSession(environment, id, std::move(pidfd), peer.pid));
  PEGAFLOW_ASSIGN(session->setup_,
                  SetupChannel::open(environment.loop, std::move(socket),
                                     [raw = session.get()] { raw->on_setup_ready(); }));
  return session;
}

ClientSession::ClientSession(SessionEnvironment& environment, SessionId id, UniqueFd pidfd,
                             pid_t pid)
    : environment_(environment), id_(id), pidfd_(std::move(pidfd)), pid_(pid) {
  pools_.reserve(kMaxPools);
}

metrics::SessionKind ClientSession::probe_kind() const {
  return kind_ == wire::SessionKind::kWorker ? metrics::SessionKind::kWorker
                                             : metrics::SessionKind::kControl;
}

void ClientSession::fail(const Error& error) {
  if (!failure_) failure_ = error;
}

void ClientSession::on_setup_ready() {
  for (std::size_t n = 0; n < environment_.limits.setup_messages_per_turn && !failure_; ++n) {
    Result<std::optional<SetupPacket>> packet = setup_->receive();
    if (!packet.ok()) return fail(packet.error());
    if (!*packet) return;
    const Status handled = handle((*packet)->message);
    if (!handled.ok()) refuse(handled.error());
  }
}

void ClientSession::refuse(const Error& why) {
  // Best effort: the client learns why; it sees the end of the connection in any case.
  (void)setup_->send(wire::No{why.code(), why.message()});
  fail(why);
}

Status ClientSession::handle(const wire::SessionMessage& message) {
  if (const auto* hello = std::get_if<wire::Hello>(&message)) return on_hello(*hello);
  if (!open()) return Error(Code::kProtocol, "expected HELLO first");
  if (const auto* pool = std::get_if<wire::AddPool>(&message)) return on_add_pool(*pool);
  if (const auto* unmapped = std::get_if<wire::Unmapped>(&message)) {
    return regions_.unmapped(unmapped->region);
  }
  return Error(Code::kProtocol, "a client may send HELLO, POOL and UNMAPPED only");
}

Status ClientSession::on_hello(const wire::Hello& hello) {
  if (open()) return Error(Code::kProtocol, "a second HELLO");
  if (hello.version_min > wire::kSetupVersion || hello.version_max < wire::kOldestSetupVersion) {
    return Error(Code::kUnsupported, "this agent speaks session version " +
                                         std::to_string(wire::kOldestSetupVersion) + " to " +
                                         std::to_string(wire::kSetupVersion) + ", the client " +
                                         std::to_string(hello.version_min) + " to " +
                                         std::to_string(hello.version_max));
  }
  PEGAFLOW_TRY(check_instance_name(hello.instance));
  if (hello.incarnation == 0) return Error(Code::kProtocol, "HELLO: incarnation is 0");
  PEGAFLOW_TRY(welcome(hello));
  if (kind_ == wire::SessionKind::kWorker) PEGAFLOW_TRY(map_own_regions());
  environment_.log.info("session " + std::to_string(id_.value) + ": " +
                        (kind_ == wire::SessionKind::kWorker ? "worker" : "control") +
                        " of instance " + instance_ + ", pid " + std::to_string(pid_));
  environment_.probe.session_opened(probe_kind());
  environment_.events.on_client(*this);
  return {};
}

Status ClientSession::welcome(const wire::Hello& hello) {
  PEGAFLOW_ASSIGN(std::unique_ptr<RingEnd> rings,
                  RingEnd::create(environment_.limits.ring_entries));
  // Its handler has nothing to do: to wake the loop is enough, poll() reads the ring.
  PEGAFLOW_ASSIGN(auto watch, environment_.loop.watch(
                                  rings->wake_fd(), EPOLLIN,
                                  [raw = rings.get()](std::uint32_t) { raw->clear_wake(); }));
  if (hello.kind == wire::SessionKind::kWorker) {
    PEGAFLOW_ASSIGN(UniqueFd pidfd, pidfd_.duplicate());
    PEGAFLOW_ASSIGN(writer_, environment_.writers.add_process(std::move(pidfd), Nanos(0)));
  }
  wire::Welcome message = environment_.welcome;
  message.version = std::min(hello.version_max, wire::kSetupVersion);
  message.session = id_;
  message.ring_entries = rings->entries();
  PEGAFLOW_TRY(setup_->send(message, rings->fds()));
  version_ = message.version;
  kind_ = hello.kind;
  instance_ = hello.instance;
  rank_ = hello.rank;
  incarnation_ = hello.incarnation;
  rings_ = std::move(rings);
  ring_watch_ = std::move(watch);
  still_ticks_ = 0;
  return {};
}

Status ClientSession::map_own_regions() {
  std::uint16_t index = 0;
  for (const memory::Region* region : environment_.regions) {
    PEGAFLOW_TRY(map_region(*region, MappedTo{std::nullopt, index++}, writer_));
  }
  return {};
}

Status ClientSession::map_region(const memory::RegionMemory& region, const MappedTo& to,
                                 WriterId writer) {
  const memory::RegionShape& shape = region.shape();
  wire::MapRegion message;
  PEGAFLOW_ASSIGN(message.region, regions_.add(to));
  message.own = !to.link.has_value();
  message.writer = writer;
  message.memory = shape.memory;
  message.slot_bytes = shape.slot_bytes;
  message.slot_count = shape.slot_count;
  message.segments = shape.segments;
  message.segment_bytes = shape.segment_bytes;
  return setup_->send(message, region.fds());
}

Status ClientSession::on_add_pool(const wire::AddPool& request) {
  Result<LocalPool> pool = take_pool(request);
  if (!pool.ok()) {
    environment_.log.warning("session " + std::to_string(id_.value) + " (" + instance_ +
                             "): pool refused: " + pool.error().message());
    return setup_->send(wire::PoolNo{request.request, pool.error().code(), pool.error().message()});
  }
  if (request.memory == MemoryKind::kCuda) {
    environment_.writers.set_teardown(writer_, WriterTable::kGpuTeardown);
  }
  pools_.push_back(std::move(*pool));
  environment_.probe.pools(static_cast<std::int64_t>(environment_.pools.size()));
  PEGAFLOW_TRY(setup_->send(wire::PoolOk{request.request, pools_.back().id}));
  environment_.events.on_pool(*this, pools_.back());
  environment_.observer.pool_added(*this, pools_.back());
  return {};
}

Result<LocalPool> ClientSession::take_pool(const wire::AddPool& request) {
  if (kind_ != wire::SessionKind::kWorker) {
    return Error(Code::kFailedPrecondition, "only a worker session has pools");
  }
  if (pools_.size() >= kMaxPools) {
    return Error(Code::kResourceExhausted,
                 "a session has at most " + std::to_string(kMaxPools) + " pools");
  }
  if (!(request.shape.rank == rank_)) {
    return Error(Code::kInvalidArgument, "the pool's rank is not the session's");
  }
  if (request.shape.incarnation != incarnation_) {
    return Error(Code::kInvalidArgument, "the pool's incarnation is not the session's");
  }
  Result<PoolId> id = environment_.pools.add(instance_, request.shape);
  if (!id.ok() && id.error().code() == Code::kAlreadyExists) {
    // An engine may be back before the end of its last session has been noticed.
    environment_.reap(*this);
    id = environment_.pools.add(instance_, request.shape);
  }
  if (!id.ok()) return id.error();
  return LocalPool{*id, instance_, request.shape, shape_hash(request.shape), request.reaches};
}

std::optional<RegionId> ClientSession::own_region(std::uint16_t index) const {
  return regions_.find(MappedTo{std::nullopt, index});
}

std::optional<RegionId> ClientSession::peer_region(LinkId link, std::uint16_t index) const {
  return regions_.find(MappedTo{link, index});
}

void ClientSession::announce(const PeerPool& pool) {
  if (!announced_.insert(pool.visible).second) return;
  const Status sent = setup_->send(wire::PeerPool{pool.visible, pool.instance, pool.shape});
  if (!sent.ok()) fail(sent.error());
}

void ClientSession::forget_peer_pool(PoolId visible) {
  if (announced_.erase(visible) == 0) return;
  const Status sent = setup_->send(wire::PeerGone{visible});
  if (!sent.ok()) fail(sent.error());
}

void ClientSession::send(const wire::AgentMessage& message) {
  PEGAFLOW_CHECK(open());
  if (failure_) return;
  const Status sent = rings_->send(message);
  if (!sent.ok()) fail(sent.error());
}

bool ClientSession::poll() {
  if (!open() || failure_) return false;
  const Result<bool> flushed = rings_->flush();
  if (!flushed.ok()) return fail(flushed.error()), true;
  const std::uint64_t mended = rings_->mended();
  const Result<bool> read = rings_->read(
      environment_.limits.ring_messages_per_turn,
      [this](const wire::ClientMessage& m) { environment_.events.on_client_message(*this, m); });
  if (rings_->mended() != mended) {
    environment_.log.warning("session " + std::to_string(id_.value) + " of " + instance_ +
                             ": a ring entry had a flipped bit, put right");
  }
  if (!read.ok()) return fail(read.error()), true;
  return *flushed || *read;
}

void ClientSession::drain() {
  if (!open()) return;
  // No more than one ringful: nobody writes any more.
  (void)rings_->read(rings_->entries(), [this](const wire::ClientMessage& m) {
    environment_.events.on_client_message(*this, m);
  });
}

std::uint32_t ClientSession::tick() {
  if (!open()) return ++still_ticks_;
  rings_->tick();
  const std::uint64_t now = rings_->client_tick();
  still_ticks_ = std::exchange(client_tick_, now) == now ? still_ticks_ + 1 : 0;
  return still_ticks_;
}

void ClientSession::awake() {
  if (rings_ != nullptr) rings_->awake();
}

void ClientSession::map_peer_region(LinkId link, std::uint16_t index,
                                    const memory::RegionMemory& region, WriterId writer) {
  const MappedTo to{link, index};
  if (regions_.find(to)) return;
  const Status mapped = map_region(region, to, writer);
  if (!mapped.ok()) fail(mapped.error());
}

void ClientSession::unmap_peer_regions(LinkId link) {
  for (const RegionId region : regions_.unmap(link)) {
    const Status sent = setup_->send(wire::UnmapRegion{region});
    if (!sent.ok()) fail(sent.error());
  }
}

}  // namespace pegaflow::agent
