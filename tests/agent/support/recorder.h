// Recorder: the upper half as a test plays it: writes down every event, does nothing else unless
// told to.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/ports.h"

namespace pegaflow::agent {

class Recorder final : public ClientEvents, public LinkEvents, public CopyEvents {
 public:
  // ---- ClientEvents
  void on_client(ClientPort& client) override {
    clients.push_back(&client);
    note("client");
  }
  void on_pool(ClientPort&, const LocalPool& pool) override {
    local_pools.push_back(pool);
    note("pool");
  }
  void on_client_message(ClientPort&, const wire::ClientMessage& message) override {
    client_messages.push_back(message);
  }
  void on_client_lost(ClientPort& client, const Error& why) override {
    std::erase(clients, &client);
    client_ends.push_back(why);
    note("client lost");
  }
  void on_client_stalled(ClientPort&) override { note("stalled"); }
  void on_client_resumed(ClientPort&) override { note("resumed"); }

  // ---- LinkEvents
  void on_link_up(LinkPort& port) override {
    link = &port;
    ups.push_back(port.incarnation());
    note("up");
  }
  void on_link_down(LinkPort&, const Error& why) override {
    link = nullptr;
    downs.push_back(why);
    note("down");
  }
  void on_peer_pool(LinkPort&, const PeerPool& pool) override {
    peer_pools.push_back(pool);
    note("peer pool");
  }
  void on_peer_pool_gone(LinkPort&, const PeerPool& pool) override {
    std::erase_if(peer_pools, [&](const PeerPool& known) { return known.id == pool.id; });
    note("peer pool gone");
  }
  void on_control(LinkPort& port, const wire::ControlMessage& message) override {
    control.push_back(message);
    if (answer) answer(port, message);
  }
  void on_link_writable(LinkPort&) override {
    ++writable;
    note("writable");
  }
  void on_flushed(LinkPort&, std::uint64_t token, const Status& status) override {
    flushed.emplace_back(token, status.ok());
  }
  void on_writer_gone(WriterId writer) override {
    writers_gone.push_back(writer);
    note("writer gone");
  }

  // ---- CopyEvents
  void on_copied(std::uint64_t token, CopyOutcome outcome, Nanos) override {
    copied.emplace_back(token, outcome);
  }

  std::vector<std::string> events;   // in order
  std::vector<ClientPort*> clients;  // live
  std::vector<LocalPool> local_pools;
  std::vector<wire::ClientMessage> client_messages;
  std::vector<Error> client_ends;
  LinkPort* link = nullptr;  // the last one that came up, while it is
  std::vector<LinkIncarnation> ups;
  std::vector<Error> downs;
  std::vector<PeerPool> peer_pools;  // live
  std::vector<wire::ControlMessage> control;
  std::function<void(LinkPort&, const wire::ControlMessage&)> answer;
  int writable = 0;
  std::vector<std::pair<std::uint64_t, bool>> flushed;
  std::vector<WriterId> writers_gone;
  std::vector<std::pair<std::uint64_t, CopyOutcome>> copied;

 private:
  void note(std::string event) { events.push_back(std::move(event)); }
};

}  // namespace pegaflow::agent
