// What the conformance suite runs on: how to make a context and a peer, and what may be expected.
// A test program defines backends_under_test() for the backends it was linked with.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "peer.h"
#include "transport/transport.h"

namespace pegaflow::transport::testing {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<Context> make_context() = 0;
  virtual std::unique_ptr<Peer> start_peer() = 0;
  // What our side puts from and is put to; the peer's is made alike.
  virtual std::unique_ptr<Area> make_area(std::size_t bytes) { return make_host_area(bytes); }
};

struct BackendSpec {
  const char* name;
  std::string (*missing)() = nullptr;  // why it can't run here; empty, or no function: it can
  std::unique_ptr<Backend> (*make)();
  const char* put_lane;               // a transport that puts must go over when they are one-sided
  bool may_emulate = true;            // else a link without the put lane fails its test
  bool peer_can_be_killed = false;    // it is a process
  bool destroying_fences = true;      // cma writes memory without asking its owner's process
  bool death_is_noticed = true;       // when false, only by its user's own heartbeat
  bool destroying_is_noticed = true;  // only the end of the process is
};

std::vector<BackendSpec> backends_under_test();

inline std::ostream& operator<<(std::ostream& out, const BackendSpec& spec) {
  return out << spec.name;
}

// Whether a link of the backend may have these lanes.
bool suits(const BackendSpec& spec, const LaneInfo& lanes);

// A peer in a thread of this process.
std::unique_ptr<Peer> start_thread_peer(std::unique_ptr<Context> context);

}  // namespace pegaflow::transport::testing
