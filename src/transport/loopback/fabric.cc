#include "transport/loopback/fabric.h"

#include <cstring>
#include <string>
#include <vector>

#include "base/check.h"

namespace pegaflow::transport {
namespace {

Error broken(const Port& port) {
  return {Code::kUnavailable, std::string("the link is broken: ") + port.broken};
}

Error exhausted(std::size_t limit, const char* what) {
  return {Code::kResourceExhausted, std::to_string(limit) + ' ' + what + " are unfinished"};
}

}  // namespace

// Ports and regions belong to workers and memories that must be gone by now.
Fabric::~Fabric() { PEGAFLOW_CHECK(ports_.empty() && regions_.empty()); }

Result<Port*> Fabric::add_port() {
  PEGAFLOW_ASSIGN(auto event, EventFd::create());
  const std::lock_guard lock(mutex_);
  const PortId id = ++last_id_;
  return ports_.emplace(id, std::make_unique<Port>(id, std::move(event))).first->second.get();
}

void Fabric::remove_port(Port& port) {
  const std::lock_guard lock(mutex_);
  if (Port* peer = find(port.linked_to)) mark_broken(*peer, "the peer's worker is gone");
  ports_.erase(port.id);
}

void Fabric::link(Port& port, PortId peer_id) {
  const std::lock_guard lock(mutex_);
  port.connected = true;
  Port* peer = find(peer_id);
  const bool taken = port.linked_to != 0 && port.linked_to != peer_id;
  if (taken || peer == nullptr || (peer->linked_to != 0 && peer->linked_to != port.id)) {
    mark_broken(port, "the peer's worker is gone or has another link");
    return;
  }
  port.linked_to = peer_id;
  peer->linked_to = port.id;
}

RegionKey Fabric::add_region(std::span<std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  const RegionKey key = ++last_id_;
  regions_.emplace(key, bytes);
  return key;
}

void Fabric::remove_region(RegionKey region) {
  const std::lock_guard lock(mutex_);
  regions_.erase(region);
}

Status Fabric::send(Port& port, std::span<const std::byte> message) {
  const std::lock_guard lock(mutex_);
  if (port.broken != nullptr) return broken(port);
  LoopbackMessage copy;
  copy.size = message.size();
  std::memcpy(copy.data.data(), message.data(), message.size());
  if (!port.sent.try_push(copy)) return exhausted(kPrepostedReceives, "sends");
  if (!stepped_ && can_move_message(port)) move_message(port);
  return {};
}

Status Fabric::post(Port& port, const RmaOperation& operation) {
  const std::lock_guard lock(mutex_);
  if (port.broken != nullptr) return broken(port);
  auto& unfinished = operation.is_flush ? port.unfinished_flushes : port.unfinished_puts;
  if (operation.is_flush && unfinished >= kMaxUnfinishedFlushes) {
    return exhausted(kMaxUnfinishedFlushes, "flushes");
  }
  if (!operation.is_flush && unfinished >= kMaxUnfinishedPuts) {
    return exhausted(kMaxUnfinishedPuts, "puts");
  }
  ++unfinished;
  PEGAFLOW_CHECK(port.rma.try_push(operation));
  return {};
}

unsigned Fabric::pump(Port& port) {
  if (stepped_) return 0;
  const std::lock_guard lock(mutex_);
  unsigned steps = 0;
  for (; can_move_rma(port); ++steps) move_rma(port);
  for (; can_move_message(port); ++steps) move_message(port);
  if (Port* peer = find(port.linked_to)) {
    for (; can_move_message(*peer); ++steps) move_message(*peer);
  }
  return steps;
}

std::size_t Fabric::arrived(Port& port) {
  const std::lock_guard lock(mutex_);
  return port.arrived.size();
}

std::span<const std::byte> Fabric::take_message(Port& port, LoopbackMessage& into) {
  const std::lock_guard lock(mutex_);
  into = *port.arrived.try_pop();
  return std::span(into.data).first(into.size);
}

const char* Fabric::take_break(Port& port) {
  const std::lock_guard lock(mutex_);
  if (port.broken == nullptr || port.break_taken) return nullptr;
  port.break_taken = true;
  return port.broken;
}

std::optional<std::uint64_t> Fabric::take_flushed(Port& port) {
  const std::lock_guard lock(mutex_);
  if (port.broken != nullptr || port.flushed.empty()) return std::nullopt;
  --port.unfinished_flushes;
  return port.flushed.try_pop();
}

std::optional<std::uint64_t> Fabric::take_unflushed(Port& port) {
  const std::lock_guard lock(mutex_);
  PEGAFLOW_CHECK(port.broken != nullptr);
  if (const auto token = port.flushed.try_pop()) return token;
  while (const auto operation = port.rma.try_pop()) {
    if (operation->is_flush) return operation->token;
  }
  return std::nullopt;
}

bool Fabric::has_work(Port& port) {
  const std::lock_guard lock(mutex_);
  if (!port.arrived.empty()) return true;
  if (port.broken != nullptr) return !port.break_taken;
  return !port.flushed.empty() || (!stepped_ && (can_move_rma(port) || can_move_message(port)));
}

void Fabric::break_link(Port& port) {
  const std::lock_guard lock(mutex_);
  mark_both_broken(port, "cut by a test");
}

void Fabric::hold_puts(Port& port, bool held) {
  const std::lock_guard lock(mutex_);
  port.puts_held = held;
  port.event.signal();
}

bool Fabric::step() {
  PEGAFLOW_CHECK(stepped_.has_value());
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<Port*, void (Fabric::*)(Port&)>> possible;
  for (const auto& [id, port] : ports_) {
    if (can_move_message(*port)) possible.emplace_back(port.get(), &Fabric::move_message);
    if (can_move_rma(*port)) possible.emplace_back(port.get(), &Fabric::move_rma);
  }
  if (possible.empty()) return false;
  const auto [port, move] = possible[draw(possible.size())];
  (this->*move)(*port);
  return true;
}

Port* Fabric::find(PortId id) {
  const auto at = ports_.find(id);
  return at == ports_.end() ? nullptr : at->second.get();
}

bool Fabric::can_move_message(const Port& from) {
  if (from.broken != nullptr || from.sent.empty()) return false;
  const Port* to = find(from.linked_to);
  return to != nullptr && !to->arrived.full();
}

bool Fabric::can_move_rma(const Port& from) const {
  return from.broken == nullptr && !from.puts_held && !from.rma.empty();
}

void Fabric::move_message(Port& from) {
  Port& to = *find(from.linked_to);
  PEGAFLOW_CHECK(to.arrived.try_push(*from.sent.try_pop()));
  to.event.signal();
}

void Fabric::move_rma(Port& from) {
  const auto operation = *from.rma.try_pop();
  if (operation.is_flush) {
    PEGAFLOW_CHECK(from.flushed.try_push(operation.token));
    from.event.signal();
  } else {
    --from.unfinished_puts;
    land(from, operation);
  }
}

void Fabric::land(Port& from, const RmaOperation& put) {
  const auto region = regions_.find(put.region);
  if (region == regions_.end()) {
    mark_both_broken(from, "a put to memory that is no longer registered");
    return;
  }
  const auto target = region->second.subspan(put.offset, put.from.size());
  std::memcpy(target.data(), put.from.data(), put.from.size());
}

// What was sent and not moved is lost; what arrived stays to be delivered.
void Fabric::mark_broken(Port& port, const char* why) {
  if (port.broken != nullptr) return;
  port.broken = why;
  port.event.signal();
}

void Fabric::mark_both_broken(Port& port, const char* why) {
  mark_broken(port, why);
  if (Port* peer = find(port.linked_to)) mark_broken(*peer, why);
}

// SplitMix64: good enough to draw orders, and the same everywhere.
std::uint64_t Fabric::draw(std::uint64_t bound) {
  random_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t x = random_;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return (x ^ (x >> 31)) % bound;
}

}  // namespace pegaflow::transport
