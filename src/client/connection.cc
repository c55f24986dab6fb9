#include "client/connection.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "client/limits.h"
#include "wire/control.h"

namespace pegaflow::client {
namespace {

constexpr std::size_t kWelcomeFds = 3;

Error bad_config(const std::string& what) {
  return {Code::kInvalidArgument, "session config: " + what};
}

Status check_count(const char* field, std::uint32_t value, std::uint32_t limit) {
  if (value >= 1 && value <= limit) return {};
  return bad_config(std::string(field) + " is " + std::to_string(value) + ", expected 1 … " +
                    std::to_string(limit));
}

Status check_axis(const char* axis, std::uint32_t index, std::uint32_t size) {
  if (index < size) return {};
  return bad_config("rank: " + std::string(axis) + " is " + std::to_string(index) + " of " +
                    std::to_string(size));
}

// Waits until the socket is readable or at its end.
Status wait_readable(int fd, TimePoint deadline) {
  while (true) {
    const auto left = std::chrono::ceil<Millis>(deadline - SteadyClock().now());
    if (left.count() <= 0) return Error{Code::kDeadlineExceeded, "the agent did not answer"};
    pollfd waited{fd, POLLIN, 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return system_error("poll the agent's socket");
  }
}

Result<Packet> receive_by(const SeqpacketSocket& socket, TimePoint deadline) {
  while (true) {
    PEGAFLOW_ASSIGN(std::optional<Packet> packet, socket.receive());
    if (packet) return std::move(*packet);
    PEGAFLOW_TRY(wait_readable(socket.fd(), deadline));
  }
}

Result<wire::Welcome> welcome_of(const Packet& packet) {
  PEGAFLOW_ASSIGN(wire::SessionMessage message, wire::decode_session(packet.text));
  if (const auto* no = std::get_if<wire::No>(&message)) {
    return Error{no->code, "the agent refused the session: " + no->reason};
  }
  auto* welcome = std::get_if<wire::Welcome>(&message);
  if (welcome == nullptr) return Error{Code::kProtocol, "the agent answered HELLO otherwise"};
  if (welcome->version < wire::kOldestSetupVersion || welcome->version > wire::kSetupVersion) {
    return Error{Code::kProtocol, "the agent chose version " + std::to_string(welcome->version) +
                                      ", offered were " +
                                      std::to_string(wire::kOldestSetupVersion) + " to " +
                                      std::to_string(wire::kSetupVersion)};
  }
  if (welcome->epoch.value == 0) return Error{Code::kProtocol, "WELCOME: epoch 0"};
  if (packet.fds.size() != kWelcomeFds) {
    return Error{Code::kProtocol, "WELCOME: " + std::to_string(packet.fds.size()) +
                                      " files, expected " + std::to_string(kWelcomeFds)};
  }
  return std::move(*welcome);
}

}  // namespace

Status check_config(const SessionConfig& config) {
  if (config.socket_path.empty()) return bad_config("socket_path is empty");
  if (config.instance.empty() || config.instance.size() > wire::kMaxInstanceBytes) {
    return bad_config("instance of " + std::to_string(config.instance.size()) +
                      " bytes, expected 1 … " + std::to_string(wire::kMaxInstanceBytes));
  }
  if (config.connect_timeout <= Millis(0)) return bad_config("connect_timeout is not positive");
  const Rank& rank = config.rank;
  PEGAFLOW_TRY(check_axis("dp", rank.dp, rank.dp_size));
  PEGAFLOW_TRY(check_axis("pp", rank.pp, rank.pp_size));
  PEGAFLOW_TRY(check_axis("tp", rank.tp, rank.tp_size));
  PEGAFLOW_TRY(check_count("max_offers", config.max_offers, kMaxLive));
  PEGAFLOW_TRY(check_count("max_receives", config.max_receives, kMaxLive));
  return check_count("max_events", config.max_events, kMaxUnreadEvents);
}

Result<Connection> connect_to_agent(const SessionConfig& config, std::uint64_t incarnation) {
  const TimePoint deadline = SteadyClock().now() + config.connect_timeout;
  PEGAFLOW_ASSIGN(SeqpacketSocket socket,
                  SeqpacketSocket::connect(config.socket_path, config.connect_timeout));
  wire::Hello hello;
  hello.kind = config.role == SessionRole::kWorker ? wire::SessionKind::kWorker
                                                   : wire::SessionKind::kControl;
  hello.instance = config.instance;
  hello.rank = config.rank;
  hello.incarnation = incarnation;
  hello.pid = ::getpid();
  PEGAFLOW_ASSIGN(const std::string text, wire::encode_session(hello));
  PEGAFLOW_TRY(socket.send(text));
  PEGAFLOW_ASSIGN(Packet packet, receive_by(socket, deadline));
  PEGAFLOW_ASSIGN(wire::Welcome welcome, welcome_of(packet));
  PEGAFLOW_ASSIGN(memory::RingMemory ring,
                  memory::RingMemory::map(std::move(packet.fds[0]), welcome.ring_entries));
  PEGAFLOW_ASSIGN(EventFd own_wakeup, EventFd::create());
  return Connection{std::move(socket),
                    std::move(welcome),
                    std::move(ring),
                    EventFd(std::move(packet.fds[1])),
                    EventFd(std::move(packet.fds[2])),
                    std::move(own_wakeup)};
}

}  // namespace pegaflow::client
