// One side of one link over UCX: a UCP worker with its one endpoint. UCX's callbacks only change
// the tables of receives, sends, puts and flushes; events are reported from progress(), after UCX
// has returned.
#pragma once

#include <ucp/api/ucp_def.h>

#include <memory>
#include <thread>

#include "transport/registrations.h"
#include "transport/transport.h"
#include "transport/ucx/emulated_puts.h"
#include "transport/ucx/endpoint.h"
#include "transport/ucx/flushes.h"
#include "transport/ucx/incoming_puts.h"
#include "transport/ucx/link_failure.h"
#include "transport/ucx/puts.h"
#include "transport/ucx/receives.h"
#include "transport/ucx/remote_memory.h"
#include "transport/ucx/sends.h"

namespace pegaflow::transport {

struct UcxWorkerDeleter {
  void operator()(ucp_worker_h worker) const;
};
using UniqueUcxWorker = std::unique_ptr<struct ucp_worker, UcxWorkerDeleter>;

class UcxWorker final : public Worker {
 public:
  static Result<std::unique_ptr<Worker>> create(ucp_context_h context,
                                                const Registrations& memories,
                                                WorkerEvents& events);
  ~UcxWorker() override;
  UcxWorker(const UcxWorker&) = delete;
  UcxWorker& operator=(const UcxWorker&) = delete;

  Blob address() const override { return address_; }
  Status connect(const Blob& peer_address) override;
  Result<std::unique_ptr<RemoteMemory>> unpack(const Blob& remote_key) override;
  Status send(std::span<const std::byte> message) override;
  Status put(std::span<const std::byte> from, const LocalMemory& local, RemoteMemory& to,
             std::uint64_t offset) override;
  Status flush(std::uint64_t token) override;
  unsigned progress() override;
  int event_fd() const override { return event_fd_; }
  Result<bool> arm() override;
  void wake() override;
  Result<LaneInfo> lanes() const override;

 private:
  UcxWorker(UniqueUcxWorker worker, const Registrations& memories, WorkerEvents& events);
  Status prepare();  // address, event fd, receives
  Status check_usable() const;
  void check_thread() const;
  unsigned deliver_messages();
  unsigned report_break();
  unsigned report_flushes();

  std::thread::id owner_ = std::this_thread::get_id();
  WorkerEvents& events_;
  LinkFailure failure_;
  bool break_reported_ = false;
  bool in_progress_ = false;
  bool wired_up_ = false;  // a flush went through
  bool emulate_ = false;   // the endpoint has no lane for puts
  int event_fd_ = -1;      // UCX's own
  Blob address_;
  // UCX calls back into the tables until its worker is gone, so they outlive it.
  Receives receives_;
  Sends sends_;
  Sends put_notices_;
  Puts puts_;
  EmulatedPuts emulated_puts_;
  Flushes flushes_;
  IncomingPuts incoming_puts_;
  UniqueUcxWorker worker_;
  Endpoint endpoint_;
  RemoteMemories memories_;
};

}  // namespace pegaflow::transport
