// The sends of a worker: messages are copied into kPrepostedReceives buffers that live as long as
// the worker, so that callers keep nothing and nothing is allocated.
#pragma once

#include <ucp/api/ucp_def.h>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "pegaflow/result.h"
#include "transport/transport.h"
#include "transport/ucx/link_failure.h"

namespace pegaflow::transport {

class Sends {
 public:
  explicit Sends(LinkFailure& failure);
  Sends(const Sends&) = delete;
  Sends& operator=(const Sends&) = delete;

  // kResourceExhausted when every buffer is in use. REQUIRES: 1 … kMaxMessageBytes bytes.
  Status send(ucp_ep_h endpoint, std::span<const std::byte> message);

 private:
  struct Buffer {
    Sends* owner = nullptr;
    std::array<std::byte, kMaxMessageBytes> data;
  };
  static void on_sent(void* request, ucs_status_t status, void* user_data);

  LinkFailure& failure_;
  std::vector<Buffer> buffers_;
  std::array<Buffer*, kPrepostedReceives> free_{};
  std::size_t free_count_ = 0;
};

}  // namespace pegaflow::transport
