// The loopback network as a backend of the conformance suite, with the peer in a thread.
#include "backend.h"
#include "transport/loopback/network.h"

namespace pegaflow::transport::testing {
namespace {

class LoopbackBackend final : public Backend {
 public:
  std::unique_ptr<Context> make_context() override { return network_.make_context(); }
  std::unique_ptr<Peer> start_peer() override { return start_thread_peer(network_.make_context()); }

 private:
  LoopbackNetwork network_;
};

}  // namespace

std::vector<BackendSpec> backends_under_test() {
  return {{.name = "LoopbackThreads",
           .make = []() -> std::unique_ptr<Backend> { return std::make_unique<LoopbackBackend>(); },
           .put_lane = "loopback"}};
}

}  // namespace pegaflow::transport::testing
