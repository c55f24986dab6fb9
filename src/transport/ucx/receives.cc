#include "transport/ucx/receives.h"

#include <ucp/api/ucp.h>

#include "base/check.h"

namespace pegaflow::transport {

Receives::Receives(LinkFailure& failure) : failure_(failure), receives_(kPrepostedReceives) {
  for (auto& receive : receives_) receive.owner = this;
}

Status Receives::post_all(ucp_worker_h worker) {
  for (auto& receive : receives_) {
    PEGAFLOW_TRY(ucx_status("posting a receive", post(worker, receive)));
  }
  return {};
}

std::span<const std::byte> Receives::front() const {
  PEGAFLOW_CHECK(ready_count_ > 0);
  const auto* receive = ready_[ready_first_];
  return std::span(receive->data).first(receive->length);
}

void Receives::repost_front(ucp_worker_h worker) {
  PEGAFLOW_CHECK(ready_count_ > 0);
  auto& receive = *ready_[ready_first_];
  ready_first_ = (ready_first_ + 1) % ready_.size();
  --ready_count_;
  const auto status = post(worker, receive);
  if (status != UCS_OK) failure_.note("posting a receive", status);
}

void Receives::cancel_all(ucp_worker_h worker) {
  cancelling_ = true;
  for (auto& receive : receives_) {
    if (receive.request != nullptr) ucp_request_cancel(worker, receive.request);
  }
}

// A message that came before its receive is handed over at once, from inside the call. NO_IMM_CMPL
// makes that happen through the callback: UCX 1.13 tells the length of a message nowhere else.
ucs_status_t Receives::post(ucp_worker_h worker, Receive& receive) {
  ucp_request_param_t params{};
  params.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  params.cb.recv = &Receives::on_received;
  params.user_data = &receive;
  receive.posted = true;
  const auto request = ucp_tag_recv_nbx(worker, receive.data.data(), receive.data.size(),
                                        kMessageTag, ~ucp_tag_t{0}, &params);
  if (UCS_PTR_IS_ERR(request)) {
    receive.posted = false;
    return UCS_PTR_STATUS(request);
  }
  receive.request = receive.posted ? request : nullptr;
  return UCS_OK;
}

void Receives::on_received(void* request, ucs_status_t status, const ucp_tag_recv_info_t* info,
                           void* user_data) {
  auto& receive = *static_cast<Receive*>(user_data);
  receive.posted = false;
  receive.request = nullptr;
  receive.owner->arrived(receive, status, status == UCS_OK ? info->length : 0);
  ucp_request_free(request);
}

void Receives::arrived(Receive& receive, ucs_status_t status, std::size_t length) {
  if (cancelling_) return;
  if (status != UCS_OK || length == 0 || length > receive.data.size()) {
    failure_.note("receiving a message of 1 to 1024 bytes",
                  status == UCS_OK ? UCS_ERR_INVALID_PARAM : status);
    return;
  }
  receive.length = length;
  ready_[(ready_first_ + ready_count_) % ready_.size()] = &receive;
  ++ready_count_;
}

}  // namespace pegaflow::transport
