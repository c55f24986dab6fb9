// One side of one link over the loopback network: the same contract, checks and limits as the UCX
// worker, over a Port.
#pragma once

#include <memory>
#include <thread>

#include "transport/loopback/fabric.h"
#include "transport/transport.h"

namespace pegaflow::transport {

class LoopbackWorker final : public Worker {
 public:
  static Result<std::unique_ptr<Worker>> create(Fabric& fabric, WorkerEvents& events);
  LoopbackWorker(Fabric& fabric, Port& port, WorkerEvents& events, Blob address)
      : fabric_(fabric), port_(port), events_(events), address_(std::move(address)) {}
  ~LoopbackWorker() override;
  LoopbackWorker(const LoopbackWorker&) = delete;
  LoopbackWorker& operator=(const LoopbackWorker&) = delete;

  Blob address() const override { return address_; }
  Status connect(const Blob& peer_address) override;
  Result<std::unique_ptr<RemoteMemory>> unpack(const Blob& remote_key) override;
  Status send(std::span<const std::byte> message) override;
  Status put(std::span<const std::byte> from, const LocalMemory& local, RemoteMemory& to,
             std::uint64_t offset) override;
  Status flush(std::uint64_t token) override;
  unsigned progress() override;
  int event_fd() const override { return port_.event.fd(); }
  Result<bool> arm() override;
  void wake() override;
  Result<LaneInfo> lanes() const override;

  Port& port() const { return port_; }

 private:
  Status check_usable() const;
  void check_thread() const;
  unsigned deliver_messages();
  unsigned report_break();
  unsigned report_flushes();

  std::thread::id owner_ = std::this_thread::get_id();
  Fabric& fabric_;
  Port& port_;
  WorkerEvents& events_;
  Blob address_;
  LoopbackMessage delivering_;
  bool connected_ = false;
  bool in_progress_ = false;
  bool wired_up_ = false;
};

}  // namespace pegaflow::transport
