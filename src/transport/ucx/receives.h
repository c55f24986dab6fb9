// The receives of one channel of a worker: buffers that are posted again after their message was
// delivered.
#pragma once

#include <ucp/api/ucp_def.h>

#include <cstddef>
#include <span>
#include <vector>

#include "base/bounded_queue.h"
#include "pegaflow/result.h"
#include "transport/ucx/channel.h"
#include "transport/ucx/link_failure.h"

namespace pegaflow::transport {

class Receives {
 public:
  Receives(const Channel& channel, LinkFailure& failure);
  Receives(const Receives&) = delete;
  Receives& operator=(const Receives&) = delete;

  Status post_all(ucp_worker_h worker);
  std::size_t ready() const { return ready_.size(); }
  // The oldest message that arrived; valid until repost_front(). REQUIRES: ready() > 0.
  std::span<const std::byte> front();
  void repost_front(ucp_worker_h worker);
  // For the worker's end: gives every posted buffer back; messages not delivered are lost.
  void cancel_all(ucp_worker_h worker);

 private:
  struct Receive {
    Receives* owner = nullptr;
    bool posted = false;      // UCX has it
    void* request = nullptr;  // while posted
    std::span<std::byte> buffer;
    std::size_t length = 0;
  };
  static void on_received(void* request, ucs_status_t status, const ucp_tag_recv_info_t* info,
                          void* user_data);
  ucs_status_t post(ucp_worker_h worker, Receive& receive);
  void arrived(Receive& receive, ucs_status_t status, std::size_t length);

  const Channel channel_;
  LinkFailure& failure_;
  std::vector<std::byte> storage_;
  std::vector<Receive> receives_;
  FixedFifo<Receive*> ready_;
  bool cancelling_ = false;
};

}  // namespace pegaflow::transport
