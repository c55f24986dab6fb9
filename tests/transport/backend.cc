#include "backend.h"

#include <algorithm>
#include <thread>

#include "base/check.h"

namespace pegaflow::transport::testing {
namespace {

class ThreadPeer final : public Peer {
 public:
  ThreadPeer(SeqpacketSocket here, SeqpacketSocket there, std::unique_ptr<Context> context)
      : Peer(std::move(here)),
        thread_([socket = std::move(there), context = std::move(context)]() mutable {
          serve_peer(std::move(socket), std::move(context));
        }) {}
  ~ThreadPeer() override {
    say_goodbye();
    thread_.join();
  }
  ThreadPeer(const ThreadPeer&) = delete;
  ThreadPeer& operator=(const ThreadPeer&) = delete;

 private:
  std::thread thread_;
};

}  // namespace

bool suits(const BackendSpec& spec, const LaneInfo& lanes) {
  if (lanes.emulated) return spec.may_emulate;
  return std::ranges::find(lanes.rma, spec.put_lane) != lanes.rma.end();
}

std::unique_ptr<Peer> start_thread_peer(std::unique_ptr<Context> context) {
  auto sockets = SeqpacketSocket::pair();
  PEGAFLOW_CHECK(sockets.ok());
  return std::make_unique<ThreadPeer>(std::move(sockets->first), std::move(sockets->second),
                                      std::move(context));
}

}  // namespace pegaflow::transport::testing
