// LoopbackNetwork: the deterministic twin of UCX for tests and simulation. A test owns the network
// and makes contexts of it, one for each process that it plays. Messages are in order per link and
// overtake puts; a put is at its target before the flush behind it is reported; destroying a worker
// or its memory fences the peer.
#pragma once

#include <cstdint>
#include <memory>

#include "transport/transport.h"

namespace pegaflow::transport {

class Fabric;

// Thread safe. Outlives the contexts, workers and memories made from it.
class LoopbackNetwork {
 public:
  // Things move by themselves: messages at send(), puts in the sender's progress().
  LoopbackNetwork();
  // Nothing moves but by step(), in an order that follows from `seed`.
  explicit LoopbackNetwork(std::uint64_t seed);
  ~LoopbackNetwork();
  LoopbackNetwork(const LoopbackNetwork&) = delete;
  LoopbackNetwork& operator=(const LoopbackNetwork&) = delete;

  std::unique_ptr<Context> make_context(std::uint32_t max_registrations = 64);

  // Moves one message, put or flush of any link. False: nothing can move.
  // REQUIRES: made with a seed.
  bool step();

  // Workers below are of this network.
  void break_link(const Worker& either_side);  // both sides get on_broken
  void hold_puts(const Worker& sender);        // its puts and flushes wait
  void release_puts(const Worker& sender);

 private:
  std::unique_ptr<Fabric> fabric_;
};

}  // namespace pegaflow::transport
