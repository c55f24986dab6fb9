// SessionServer: the node's Unix socket for engines, and the sessions that came through it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/loop.h"
#include "agent/session/client_session.h"
#include "base/seqpacket.h"

namespace pegaflow::agent {

// All calls on the loop thread.
class SessionServer {
 public:
  // Does this session have streams whose progress depends on its mover?
  using IsBusy = std::function<bool(const ClientPort&)>;

  // Everything referred to outlives the server.
  SessionServer(SessionEnvironment environment, IsBusy is_busy);
  ~SessionServer();  // without further events
  SessionServer(const SessionServer&) = delete;
  SessionServer& operator=(const SessionServer&) = delete;

  Status serve(SeqpacketListener listener);

  // Part of the loop's work: see LoopWork.
  bool poll();
  // A ring had something lately.
  bool in_traffic() const;
  bool ready_to_sleep();
  void awake();

  // The process behind this writer has exited: closes its session, if it is one.
  void writer_gone(WriterId writer);
  void for_each(const std::function<void(ClientSession&)>& visit);
  void forget_peer_pool(PoolId visible);
  std::size_t size() const { return sessions_.size(); }

 private:
  Result<std::unique_ptr<Loop::Watch>> watch_listener();
  void listen();
  void stop_listening(const Error& why);  // for a while
  void on_connection();
  Status admit(SeqpacketSocket socket);
  Result<SessionId> free_id();
  void close(SessionId id);
  void close_failed(const ClientSession* but = nullptr);
  void reap(const ClientSession& asking);
  void on_tick();
  void watch_tick(ClientSession& session);

  SessionEnvironment environment_;
  IsBusy is_busy_;
  std::optional<SeqpacketListener> listener_;
  std::unique_ptr<Loop::Watch> watch_;
  std::map<SessionId, std::unique_ptr<ClientSession>> sessions_;
  std::uint16_t last_id_ = 0;
  TimePoint last_traffic_{};
  Timer tick_;
  Timer retry_;  // of full rings
  Timer listen_again_;
};

// May this process be a client? The socket file's mode is the first gate; this is the second.
// kFailedPrecondition names the user that may not.
Status check_credentials(const PeerCredentials& peer);

}  // namespace pegaflow::agent
