// The one endpoint of a worker: its peer. UCX's error callback only notes the failure; the closing
// happens outside of it.
#pragma once

#include <ucp/api/ucp_def.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>

#include "pegaflow/result.h"
#include "transport/ucx/link_failure.h"

namespace pegaflow::transport {

class Endpoint {
 public:
  // `failure` outlives the endpoint.
  explicit Endpoint(LinkFailure& failure) : failure_(failure) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // `address`: an unwrapped worker address. REQUIRES: not connected.
  Status connect(ucp_worker_h worker, std::span<const std::byte> address);
  bool connected() const { return endpoint_ != nullptr; }
  ucp_ep_h get() const { return endpoint_; }

  // Closes by force: unfinished operations end with an error, now or while the worker is
  // progressed. Progresses `worker` until the close is done and
  // it is `quiet`, or `patience` is over, no further: UCX 1.13
  // answers a peer that connects just then, and aborts when the worker goes before the answer.
  void close(ucp_worker_h worker, const std::function<bool()>& quiet,
             std::chrono::milliseconds patience);

 private:
  LinkFailure& failure_;
  ucp_ep_h endpoint_ = nullptr;
};

}  // namespace pegaflow::transport
