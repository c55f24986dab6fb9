// One worker's end of the simulated network: what it has sent, and what has reached it. Plain data,
// guarded by the mutex of the Fabric that owns it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bounded_queue.h"
#include "base/event_fd.h"
#include "transport/transport.h"

namespace pegaflow::transport {

using PortId = std::uint64_t;     // ≥ 1
using RegionKey = std::uint64_t;  // ≥ 1

struct LoopbackMessage {
  std::size_t size = 0;
  std::array<std::byte, kMaxMessageBytes> data{};
};

// A put, or the mark that a flush left behind the puts before it.
struct RmaOperation {
  bool is_flush = false;
  std::uint64_t token = 0;  // of a flush
  std::span<const std::byte> from;
  RegionKey region = 0;
  std::uint64_t offset = 0;
};

struct Port {
  Port(PortId port_id, EventFd event_fd) : id(port_id), event(std::move(event_fd)) {}

  PortId id;
  EventFd event;
  PortId linked_to = 0;  // by either side's connect()
  bool connected = false;
  bool puts_held = false;
  const char* broken = nullptr;  // why; a literal
  bool break_taken = false;

  // Two lanes, as in UCX: messages overtake puts.
  FixedFifo<LoopbackMessage> sent{kPrepostedReceives};
  FixedFifo<LoopbackMessage> arrived{kPrepostedReceives};
  FixedFifo<RmaOperation> rma{kMaxUnfinishedPuts + kMaxUnfinishedFlushes};
  std::size_t unfinished_puts = 0;     // in rma
  std::size_t unfinished_flushes = 0;  // in rma and flushed
  FixedFifo<std::uint64_t> flushed{kMaxUnfinishedFlushes};
};

}  // namespace pegaflow::transport
