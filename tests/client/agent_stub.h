// AgentStub: the agent's end of one session, driven step by step by a test: a real listening
// socket, real rings and regions, and no logic of its own.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "base/event_fd.h"
#include "base/seqpacket.h"
#include "core/slot_word.h"
#include "memory/region.h"
#include "memory/ring.h"
#include "tests/base/temp_dir.h"
#include "wire/ring.h"
#include "wire/setup.h"

namespace pegaflow::client::testing {

struct StubOptions {
  std::uint32_t ring_entries = 256;
  std::uint32_t total_ms = 120'000;
  std::uint32_t engine_tick_ms = 3000;
};

// Every expectation has a deadline and throws when it is not met, which fails the test.
class AgentStub {
 public:
  explicit AgentStub(StubOptions options = {});

  const std::string& socket_path() const { return socket_path_; }

  // ---- set-up
  wire::Hello accept();  // a client, which must say HELLO
  void welcome();
  void send_setup(const wire::SessionMessage& message, std::span<const int> fds = {});
  template <typename T>
  T expect_setup() {
    wire::SessionMessage message = next_setup();
    if (auto* found = std::get_if<T>(&message)) return std::move(*found);
    throw std::runtime_error("another set-up message came");
  }
  void hang_up() { socket_.reset(); }

  // ---- rings
  // Waits for room.
  void send(const wire::AgentMessage& message);
  // The next message, which must be a T.
  template <typename T>
  T expect() {
    return as<T>(next());
  }
  // The next message that is no READY, which must be a T.
  template <typename T>
  T expect_past_ready() {
    wire::ClientMessage message = next();
    while (std::holds_alternative<wire::RingReady>(message)) message = next();
    return as<T>(std::move(message));
  }
  // The next READY of at least `count`.
  wire::RingReady expect_ready(std::uint32_t count);
  std::optional<wire::ClientMessage> poll();
  wire::ClientMessage next();
  // As an agent does that has read everything.
  void fall_asleep();
  // The client has signalled since, or does so within the deadline.
  bool woken();
  void tick() { ring_->agent_tick().fetch_add(1); }
  std::uint64_t client_tick() const { return ring_->client_tick().load(); }
  memory::RingMemory& ring() { return *ring_; }
  void wake_client() { client_wakeup_->signalling.signal(); }

  // ---- regions
  memory::Region& add_region(RegionId id, bool own, std::uint64_t slot_bytes, std::uint32_t slots);
  // Of memory that no session here can map.
  void announce_gpu_region(RegionId id);
  memory::Region& region(RegionId id) { return *regions_.at(id); }
  WriterId writer() const { return WriterId{7}; }
  // Lends a slot under a fresh generation.
  wire::SlotRef lend(RegionId region, std::uint32_t slot);
  core::SlotWord word(const wire::SlotRef& slot);
  void set_word(const wire::SlotRef& slot, core::SlotState state, std::uint32_t generation_up = 0);

 private:
  template <typename T>
  static T as(wire::ClientMessage message) {
    if (auto* found = std::get_if<T>(&message)) return std::move(*found);
    throw std::runtime_error("another ring message came: variant " +
                             std::to_string(message.index()));
  }
  wire::SessionMessage next_setup();

  StubOptions options_;
  TempDir folder_;
  std::string socket_path_;
  SeqpacketListener listener_;
  std::optional<SeqpacketSocket> socket_;
  std::optional<memory::RingMemory> ring_;
  std::optional<memory::RingReader> reader_;
  std::optional<memory::RingWriter> writer_;
  std::optional<EventFd::Ends> client_wakeup_;
  std::optional<EventFd> own_wakeup_;
  std::map<RegionId, std::unique_ptr<memory::Region>> regions_;
  std::uint32_t generation_ = 0;
};

}  // namespace pegaflow::client::testing
