// TestClient: the engine's end of a session, message by message, so that a test may also lie.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/event_fd.h"
#include "base/seqpacket.h"
#include "core/check_shape.h"
#include "memory/region.h"
#include "memory/ring.h"
#include "memory/ring_messages.h"
#include "wire/setup.h"

namespace pegaflow::agent {

inline KvShape small_shape(std::uint64_t incarnation = 7) {
  KvShape shape;
  KvGroupShape group;
  group.stage_bounds = {0, 2};
  group.heads_total = 1;
  group.parts = 2;
  group.part_bytes = {128, 128};
  group.element_bytes = 2;
  group.block_tokens = 16;
  shape.groups = {group};
  shape.incarnation = incarnation;
  return shape;
}

inline wire::Hello hello(std::uint64_t incarnation = 7) {
  wire::Hello message;
  message.kind = wire::SessionKind::kWorker;
  message.instance = "engine";
  message.incarnation = incarnation;
  message.pid = 1;
  return message;
}

class TestClient {
 public:
  explicit TestClient(const std::string& path)
      : socket_(SeqpacketSocket::connect(path, Millis(5000)).value()) {}

  void send(const wire::SessionMessage& message) {
    socket_.send(wire::encode_session(message).value()).value();
  }
  void send_text(std::string_view text) { socket_.send(text).value(); }

  // Takes what has come; remembers messages and what WELCOME and MAP brought.
  void read() {
    while (!closed) {
      Result<std::optional<Packet>> packet = socket_.receive();
      if (!packet.ok()) {
        closed = true;
        return;
      }
      if (!*packet) return;
      take(std::move(**packet));
    }
  }
  template <typename Message>
  const Message* find() {
    read();
    for (const auto& message : messages) {
      if (const auto* found = std::get_if<Message>(&message)) return found;
    }
    return nullptr;
  }
  template <typename Message>
  std::size_t count() {
    read();
    std::size_t n = 0;
    for (const auto& message : messages) n += std::holds_alternative<Message>(message) ? 1 : 0;
    return n;
  }

  void write_ring(const wire::ClientMessage& message) {
    if (!writer) writer.emplace(ring->writer(memory::RingDirection::kClientToAgent));
    PEGAFLOW_CHECK(memory::write_message(*writer, message).value());
    if (writer->claim_wakeup()) agent_event->signal();
  }
  std::optional<wire::AgentMessage> read_ring() {
    if (!reader) reader.emplace(ring->reader(memory::RingDirection::kAgentToClient));
    return memory::read_agent_message(*reader).value();
  }

  bool closed = false;
  std::vector<wire::SessionMessage> messages;
  std::optional<memory::RingMemory> ring;
  std::optional<memory::RingWriter> writer;
  std::optional<memory::RingReader> reader;
  std::optional<EventFd> own_event, agent_event;
  std::vector<std::unique_ptr<memory::MappedRegion>> regions;  // in the order of MAP

 private:
  void take(Packet packet) {
    messages.push_back(wire::decode_session(packet.text).value());
    if (const auto* welcome = std::get_if<wire::Welcome>(&messages.back())) {
      PEGAFLOW_CHECK(packet.fds.size() == 3);
      ring.emplace(
          memory::RingMemory::map(std::move(packet.fds[0]), welcome->ring_entries).value());
      own_event.emplace(std::move(packet.fds[1]));
      agent_event.emplace(std::move(packet.fds[2]));
    }
    if (const auto* map = std::get_if<wire::MapRegion>(&messages.back())) {
      const memory::RegionShape shape{map->memory, map->slot_bytes, map->slot_count, map->segments,
                                      map->segment_bytes};
      regions.push_back(std::make_unique<memory::MappedRegion>(
          memory::MappedRegion::map(shape, std::move(packet.fds)).value()));
    }
  }

  SeqpacketSocket socket_;
};

}  // namespace pegaflow::agent
