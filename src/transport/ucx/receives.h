// The receives of a worker: kPrepostedReceives buffers, posted again after their message was
// delivered. One tag for all messages, so UCX matches in the order of arrival.
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

inline constexpr ucp_tag_t kMessageTag = 0x5046;

class Receives {
 public:
  explicit Receives(LinkFailure& failure);
  Receives(const Receives&) = delete;
  Receives& operator=(const Receives&) = delete;

  Status post_all(ucp_worker_h worker);
  std::size_t ready() const { return ready_count_; }
  // The oldest message that arrived; valid until repost_front(). REQUIRES: ready() > 0.
  std::span<const std::byte> front() const;
  void repost_front(ucp_worker_h worker);
  // For the worker's end: gives every posted buffer back; messages not delivered are lost.
  void cancel_all(ucp_worker_h worker);

 private:
  struct Receive {
    Receives* owner = nullptr;
    bool posted = false;      // UCX has it
    void* request = nullptr;  // while posted
    std::size_t length = 0;
    std::array<std::byte, kMaxMessageBytes> data;
  };
  static void on_received(void* request, ucs_status_t status, const ucp_tag_recv_info_t* info,
                          void* user_data);
  ucs_status_t post(ucp_worker_h worker, Receive& receive);
  void arrived(Receive& receive, ucs_status_t status, std::size_t length);

  LinkFailure& failure_;
  std::vector<Receive> receives_;
  std::array<Receive*, kPrepostedReceives> ready_{};
  std::size_t ready_first_ = 0;
  std::size_t ready_count_ = 0;
  bool cancelling_ = false;
};

}  // namespace pegaflow::transport
