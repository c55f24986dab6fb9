#include "transport/ucx/receives.h"

#include <ucp/api/ucp.h>

#include "base/check.h"

namespace pegaflow::transport {

Receives::Receives(const Channel& channel, LinkFailure& failure)
    : channel_(channel),
      failure_(failure),
      storage_(channel.buffers * channel.buffer_bytes),
      receives_(channel.buffers),
      ready_(channel.buffers) {
  std::span<std::byte> left(storage_);
  for (auto& receive : receives_) {
    receive.owner = this;
    receive.buffer = left.first(channel.buffer_bytes);
    left = left.subspan(channel.buffer_bytes);
  }
}

Status Receives::post_all(ucp_worker_h worker) {
  for (auto& receive : receives_) {
    PEGAFLOW_TRY(ucx_status("posting a receive", post(worker, receive)));
  }
  return {};
}

std::span<const std::byte> Receives::front() {
  PEGAFLOW_CHECK(!ready_.empty());
  const auto* receive = ready_.front();
  return receive->buffer.first(receive->length);
}

void Receives::repost_front(ucp_worker_h worker) {
  const auto receive = ready_.try_pop();
  PEGAFLOW_CHECK(receive.has_value());
  const auto status = post(worker, **receive);
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
  const auto request = ucp_tag_recv_nbx(worker, receive.buffer.data(), receive.buffer.size(),
                                        channel_.tag, ~ucp_tag_t{0}, &params);
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
  if (status != UCS_OK || length == 0) {
    failure_.note("receiving a message", status == UCS_OK ? UCS_ERR_INVALID_PARAM : status);
    return;
  }
  receive.length = length;
  PEGAFLOW_CHECK(ready_.try_push(&receive));
}

}  // namespace pegaflow::transport
