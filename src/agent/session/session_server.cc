#include "agent/session/session_server.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <utility>
#include <vector>

namespace pegaflow::agent {
namespace {

constexpr int kMaxAcceptsPerTurn = 16;
constexpr Millis kListenAgain{1000};  // after no connection could be accepted

}  // namespace

Status check_credentials(const PeerCredentials& peer) {
  const uid_t own = ::geteuid();
  if (peer.uid == own || peer.uid == 0 || own == 0 || peer.gid == ::getegid()) return {};
  return Error(Code::kFailedPrecondition,
               "user " + std::to_string(peer.uid) + " (group " + std::to_string(peer.gid) +
                   ") may not use this agent of user " + std::to_string(own) + " (group " +
                   std::to_string(::getegid()) + ")");
}

SessionServer::SessionServer(SessionEnvironment environment, IsBusy is_busy)
    : environment_(std::move(environment)),
      is_busy_(std::move(is_busy)),
      tick_(environment_.loop.timers(), [this] { on_tick(); }),
      // Its callback has nothing to do: the loop's next turn writes what fits.
      retry_(environment_.loop.timers(), [] {}),
      listen_again_(environment_.loop.timers(), [this] { listen(); }) {
  environment_.reap = [this](const ClientSession& asking) { reap(asking); };
}

SessionServer::~SessionServer() = default;

Status SessionServer::serve(SeqpacketListener listener) {
  listener_.emplace(std::move(listener));
  PEGAFLOW_ASSIGN(watch_, watch_listener());
  return {};
}

Result<std::unique_ptr<Loop::Watch>> SessionServer::watch_listener() {
  return environment_.loop.watch(listener_->fd(), EPOLLIN,
                                 [this](std::uint32_t) { on_connection(); });
}

void SessionServer::listen() {
  auto watch = watch_listener();
  if (!watch.ok()) return stop_listening(watch.error());
  watch_ = std::move(*watch);
}

// Whoever waits to be let in would wake the loop again at once, and for as long as files are short.
void SessionServer::stop_listening(const Error& why) {
  environment_.log.warning("no new sessions for " + std::to_string(kListenAgain.count()) +
                           " ms: " + why.message());
  watch_.reset();
  listen_again_.arm(environment_.loop.now() + kListenAgain);
}

void SessionServer::on_connection() {
  for (int n = 0; n < kMaxAcceptsPerTurn; ++n) {
    Result<std::optional<SeqpacketSocket>> socket = listener_->accept();
    if (!socket.ok()) return stop_listening(socket.error());
    if (!*socket) return;
    const Status admitted = admit(std::move(**socket));
    if (!admitted.ok()) {
      environment_.log.warning("connection refused: " + admitted.error().message());
    }
  }
}

Status SessionServer::admit(SeqpacketSocket socket) {
  Status allowed = [&]() -> Status {
    PEGAFLOW_ASSIGN(const PeerCredentials peer, peer_credentials(socket.fd()));
    PEGAFLOW_TRY(check_credentials(peer));
    if (sessions_.size() < environment_.limits.max_sessions) return {};
    return Error(Code::kResourceExhausted, "the topology's limit max_sessions (" +
                                               std::to_string(environment_.limits.max_sessions) +
                                               ") is reached");
  }();
  if (!allowed.ok()) {
    const Result<std::string> no =
        wire::encode_session(wire::No{allowed.error().code(), allowed.error().message()});
    if (no.ok()) (void)socket.send(*no);  // best effort: the end of the connection says it, too
    return allowed;
  }
  PEGAFLOW_ASSIGN(const SessionId id, free_id());
  PEGAFLOW_ASSIGN(auto session, ClientSession::open(environment_, id, std::move(socket)));
  sessions_.emplace(id, std::move(session));
  if (!tick_.armed()) tick_.arm(environment_.loop.now() + environment_.limits.tick);
  return {};
}

Result<SessionId> SessionServer::free_id() {
  do {
    ++last_id_;
  } while (last_id_ == 0 || sessions_.contains(SessionId{last_id_}));
  return SessionId{last_id_};
}

bool SessionServer::poll() {
  bool progressed = false;
  for (auto& [id, session] : sessions_) progressed |= session->poll();
  if (progressed) last_traffic_ = environment_.loop.now();
  close_failed();
  return progressed;
}

bool SessionServer::in_traffic() const {
  return !sessions_.empty() && environment_.loop.now() - last_traffic_ < environment_.limits.active;
}

void SessionServer::close_failed(const ClientSession* but) {
  std::vector<SessionId> failed;
  for (const auto& [id, session] : sessions_) {
    if (session->failure() && session.get() != but) failed.push_back(id);
  }
  for (const SessionId id : failed) close(id);
}

void SessionServer::reap(const ClientSession& asking) {
  for (auto& [id, session] : sessions_) {
    if (session.get() == &asking || !session->hung_up()) continue;
    session->fail(Error(Code::kUnavailable, "the client closed its connection"));
  }
  close_failed(&asking);
}

void SessionServer::close(SessionId id) {
  const auto found = sessions_.find(id);
  // Out of the table first: what follows may look at all sessions.
  const std::unique_ptr<ClientSession> session = std::move(found->second);
  sessions_.erase(found);
  const Error& why = *session->failure();
  const std::string name = "session " + std::to_string(id.value);
  if (!session->open()) {
    return environment_.log.warning(name + ": closed before HELLO: " + why.message());
  }
  const bool left = why.code() == Code::kUnavailable;
  if (left) session->drain();
  if (left) {
    environment_.log.info(name + " of " + session->instance() + " ended");
  } else {
    environment_.log.warning(name + " of " + session->instance() + " closed: " + why.message());
  }
  for (const LocalPool& pool : session->pools()) environment_.pools.remove(pool.id);
  environment_.events.on_client_lost(*session, why);
  environment_.observer.session_closed(*session);
  environment_.probe.session_closed(session->probe_kind());
  environment_.probe.pools(static_cast<std::int64_t>(environment_.pools.size()));
}

void SessionServer::writer_gone(WriterId writer) {
  for (const auto& [id, session] : sessions_) {
    if (!session->open() || session->writer() != writer) continue;
    session->fail(Error(Code::kUnavailable, "its process has exited"));
    environment_.probe.engine_died();
    return close(id);
  }
}

void SessionServer::on_tick() {
  for (auto& [id, session] : sessions_) {
    if (session->open()) {
      watch_tick(*session);
    } else if (session->tick() * environment_.limits.tick >= environment_.limits.hello_deadline) {
      session->fail(Error(Code::kDeadlineExceeded, "no HELLO in time"));
    }
  }
  if (!sessions_.empty()) tick_.arm(environment_.loop.now() + environment_.limits.tick);
}

void SessionServer::watch_tick(ClientSession& session) {
  const std::uint32_t still = session.tick();
  // It may have stopped right after the look before: noticed within the limit, not after it.
  const bool over =
      still > 0 && (still + 1) * environment_.limits.tick >= environment_.limits.engine_tick;
  if (!session.stalled && over && is_busy_(session)) {
    session.stalled = true;
    environment_.log.warning("session " + std::to_string(session.id().value) + " of " +
                             session.instance() + ": its mover stands still");
    environment_.probe.engine_stalled();
    environment_.events.on_client_stalled(session);
  } else if (session.stalled && still == 0) {
    session.stalled = false;
    environment_.events.on_client_resumed(session);
  }
}

bool SessionServer::ready_to_sleep() {
  bool ready = true;
  bool blocked = false;
  for (auto& [id, session] : sessions_) {
    ready &= session->ready_to_sleep();
    blocked |= session->blocked();
  }
  // Nobody tells when a client has made room in its ring.
  if (blocked) retry_.arm(environment_.loop.now() + environment_.limits.blocked_retry);
  return ready;
}

void SessionServer::awake() {
  for (auto& [id, session] : sessions_) session->awake();
}

void SessionServer::for_each(const std::function<void(ClientSession&)>& visit) {
  for (auto& [id, session] : sessions_) {
    if (session->open()) visit(*session);
  }
}

void SessionServer::forget_peer_pool(PoolId visible) {
  for_each([visible](ClientSession& session) { session.forget_peer_pool(visible); });
}

}  // namespace pegaflow::agent
