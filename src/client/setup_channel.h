// SetupChannel: the set-up socket after WELCOME: regions come and go, pools are answered, peer
// pools are announced. Used by the mover alone.
#pragma once

#include "base/seqpacket.h"
#include "client/shared_state.h"
#include "memory/device.h"
#include "pegaflow/result.h"
#include "wire/setup.h"

namespace pegaflow::client {

class SetupChannel {
 public:
  // All outlive this. `device`: where regions are mapped for.
  SetupChannel(SeqpacketSocket socket, SharedState& state, memory::Device& device,
               memory::Mover& mover);

  // Handles what has arrived, sends what waits. An error ends the session: kUnavailable: the agent
  // hung up; kProtocol: it sent what no agent sends.
  Status step();
  // The agent may forget this session: nothing is claimed any more and nothing will be.
  void hang_up() const { socket_.hang_up(); }
  int fd() const { return socket_.fd(); }

 private:
  Status receive_all();
  Status send_all();
  Status handle(Packet packet);
  Status map(const wire::MapRegion& message, std::vector<UniqueFd> fds);
  Status unmap_retired();
  Status add_pool(const wire::PoolOk& message);
  // These REQUIRE the lock.
  Status on(const wire::UnmapRegion& message);
  Status on(const wire::PoolNo& message);
  Status on(wire::PeerPool& message);
  Status on(const wire::PeerGone& message);
  void answer(std::uint32_t request, Result<PoolId> result);

  SeqpacketSocket socket_;
  SharedState& state_;
  memory::Device& device_;
  memory::Mover& mover_;
};

}  // namespace pegaflow::client
