#include "tests/client/agent_stub.h"

#include <poll.h>

#include <array>
#include <chrono>
#include <thread>

#include "memory/ring_messages.h"
#include "tests/base/poll_until.h"

namespace pegaflow::client::testing {
namespace {

using std::chrono::steady_clock;

template <typename T>
T need(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message());
  return std::move(result).value();
}

void need(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.error().message());
}

}  // namespace

AgentStub::AgentStub(StubOptions options)
    : options_(options),
      socket_path_(folder_.file("agent.sock")),
      listener_(need(SeqpacketListener::listen(socket_path_))) {}

wire::Hello AgentStub::accept() {
  if (!wait_readable(listener_.fd())) throw std::runtime_error("nobody connected");
  socket_ = need(listener_.accept());
  return expect_setup<wire::Hello>();
}

void AgentStub::welcome() {
  ring_.emplace(need(memory::RingMemory::create(options_.ring_entries)));
  reader_.emplace(ring_->reader(memory::RingDirection::kClientToAgent));
  writer_.emplace(ring_->writer(memory::RingDirection::kAgentToClient));
  client_wakeup_.emplace(need(EventFd::create_ends()));
  own_wakeup_.emplace(need(EventFd::create()));
  wire::Welcome message;
  message.epoch = AgentEpoch{42};
  message.session = SessionId{1};
  message.agent = "stub";
  message.ring_entries = options_.ring_entries;
  message.total_ms = options_.total_ms;
  message.engine_tick_ms = options_.engine_tick_ms;
  send_setup(message, std::array{ring_->fd(), client_wakeup_->sleeping.fd(), own_wakeup_->fd()});
}

void AgentStub::send_setup(const wire::SessionMessage& message, std::span<const int> fds) {
  need(socket_->send(need(wire::encode_session(message)), fds));
}

wire::SessionMessage AgentStub::next_setup() {
  while (true) {
    const auto packet = need(socket_->receive());
    if (packet) return need(wire::decode_session(packet->text));
    if (!wait_readable(socket_->fd())) throw std::runtime_error("no set-up message came");
  }
}

void AgentStub::send(const wire::AgentMessage& message) {
  const auto deadline = steady_clock::now() + kTestDeadline;
  while (!need(memory::write_message(*writer_, message))) {
    if (steady_clock::now() > deadline) throw std::runtime_error("the client does not read");
    std::this_thread::yield();
  }
  tick();
  if (writer_->claim_wakeup()) client_wakeup_->signalling.signal();
}

std::optional<wire::ClientMessage> AgentStub::poll() {
  tick();
  return need(memory::read_client_message(*reader_));
}

wire::ClientMessage AgentStub::next() {
  const auto deadline = steady_clock::now() + kTestDeadline;
  while (steady_clock::now() < deadline) {
    if (auto message = poll()) return std::move(*message);
    if (reader_->announce_sleep()) {
      pollfd waited{own_wakeup_->fd(), POLLIN, 0};
      ::poll(&waited, 1, 100);
      own_wakeup_->drain();
    }
    reader_->awake();
  }
  throw std::runtime_error("no ring message came");
}

void AgentStub::fall_asleep() {
  if (!reader_->announce_sleep()) throw std::runtime_error("there is something to read");
}

bool AgentStub::woken() {
  pollfd waited{own_wakeup_->fd(), POLLIN, 0};
  const bool woken = ::poll(&waited, 1, static_cast<int>(kTestDeadline / Millis(1))) == 1;
  own_wakeup_->drain();
  reader_->awake();
  return woken;
}

wire::RingReady AgentStub::expect_ready(std::uint32_t count) {
  while (true) {
    const auto ready = expect<wire::RingReady>();
    if (ready.ready >= count) return ready;
  }
}

memory::Region& AgentStub::add_region(RegionId id, bool own, std::uint64_t slot_bytes,
                                      std::uint32_t slots) {
  auto made = need(memory::Region::create({"stub", MemoryKind::kHost, slot_bytes, slots}));
  auto& region =
      *regions_.emplace(id, std::make_unique<memory::Region>(std::move(made))).first->second;
  const memory::RegionShape& shape = region.shape();
  send_setup(wire::MapRegion{id, own, writer(), shape.memory, shape.slot_bytes, shape.slot_count,
                             shape.segments, shape.segment_bytes},
             region.fds());
  return region;
}

void AgentStub::announce_gpu_region(RegionId id) {
  const auto made = need(memory::Region::create({"stub", MemoryKind::kHost, 4096, 1}));
  const memory::RegionShape& shape = made.shape();
  send_setup(wire::MapRegion{id, true, writer(), MemoryKind::kCuda, shape.slot_bytes,
                             shape.slot_count, shape.segments, shape.segment_bytes},
             made.fds());
}

wire::SlotRef AgentStub::lend(RegionId id, std::uint32_t slot) {
  const wire::SlotRef reference{id, SlotIndex{slot}, Generation{++generation_}};
  set_word(reference, core::SlotState::kLoaned);
  return reference;
}

core::SlotWord AgentStub::word(const wire::SlotRef& slot) {
  return core::unpack(region(slot.region).control().word(slot.slot).load()).value();
}

void AgentStub::set_word(const wire::SlotRef& slot, core::SlotState state,
                         std::uint32_t generation_up) {
  region(slot.region)
      .control()
      .word(slot.slot)
      .store(core::pack({Generation{slot.generation.value + generation_up}, writer(), state}));
}

}  // namespace pegaflow::client::testing
