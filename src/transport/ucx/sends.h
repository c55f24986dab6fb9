// The sends of one channel of a worker: messages are copied into buffers that live as long as the
// worker, so that callers keep nothing and nothing is allocated.
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

class Sends {
 public:
  Sends(const Channel& channel, LinkFailure& failure);
  Sends(const Sends&) = delete;
  Sends& operator=(const Sends&) = delete;

  // kResourceExhausted when every buffer is in use. REQUIRES: it fits
  // the channel.
  Status send(ucp_ep_h endpoint, std::span<const std::byte> message);
  bool full() const { return free_.empty(); }

 private:
  struct Buffer {
    Sends* owner = nullptr;
    std::span<std::byte> bytes;
  };
  void give_back(Buffer& buffer);
  static void on_sent(void* request, ucs_status_t status, void* user_data);

  const Channel channel_;
  LinkFailure& failure_;
  std::vector<std::byte> storage_;
  std::vector<Buffer> buffers_;
  FixedFifo<Buffer*> free_;
};

}  // namespace pegaflow::transport
