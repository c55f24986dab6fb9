// SetupChannel: the socket of one session, with the messages that wait until it takes more.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/loop.h"
#include "base/seqpacket.h"
#include "pegaflow/result.h"
#include "wire/setup.h"

namespace pegaflow::agent {

struct SetupPacket {
  wire::SessionMessage message;
  std::vector<UniqueFd> fds;
};

// All calls on the loop thread.
class SetupChannel {
 public:
  static constexpr std::size_t kMaxQueued = 1024;  // messages

  // `on_ready` is called when there may be something to receive, also an end.
  static Result<std::unique_ptr<SetupChannel>> open(Loop& loop, SeqpacketSocket socket,
                                                    std::function<void()> on_ready);

  // Sends now or when the socket takes it, in order; the descriptors stay the caller's (waiting
  // messages hold duplicates). kResourceExhausted: too much waits; kUnavailable: the peer is gone.
  Status send(const wire::SessionMessage& message, std::span<const int> fds = {});
  // One message; nothing when none is there. kUnavailable: the peer closed; kProtocol: garbage.
  Result<std::optional<SetupPacket>> receive();
  // The client has closed its end, whatever may still be unread.
  bool hung_up() const;
  int fd() const { return socket_.fd(); }

 private:
  struct Waiting {
    std::string text;
    std::vector<UniqueFd> fds;
  };

  SetupChannel(SeqpacketSocket socket, std::function<void()> on_ready)
      : socket_(std::move(socket)), on_ready_(std::move(on_ready)) {}
  void on_events(std::uint32_t events);
  Status wait_in_queue(std::string text, std::span<const int> fds);
  void flush();

  SeqpacketSocket socket_;
  std::function<void()> on_ready_;
  std::deque<Waiting> queue_;           // ≤ kMaxQueued
  std::unique_ptr<Loop::Watch> watch_;  // last: ends before the socket
};

}  // namespace pegaflow::agent
