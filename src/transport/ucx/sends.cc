#include "transport/ucx/sends.h"

#include <ucp/api/ucp.h>

#include <cstring>

#include "transport/ucx/receives.h"

namespace pegaflow::transport {

Sends::Sends(LinkFailure& failure) : failure_(failure), buffers_(kPrepostedReceives) {
  for (auto& buffer : buffers_) {
    buffer.owner = this;
    free_[free_count_++] = &buffer;
  }
}

Status Sends::send(ucp_ep_h endpoint, std::span<const std::byte> message) {
  if (free_count_ == 0) {
    return Error(Code::kResourceExhausted,
                 "all " + std::to_string(free_.size()) + " send buffers are in use");
  }
  auto& buffer = *free_[--free_count_];
  std::memcpy(buffer.data.data(), message.data(), message.size());
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  params.cb.send = &Sends::on_sent;
  params.user_data = &buffer;
  const auto request =
      ucp_tag_send_nbx(endpoint, buffer.data.data(), message.size(), kMessageTag, &params);
  if (UCS_PTR_IS_PTR(request)) return {};
  free_[free_count_++] = &buffer;
  const auto status = UCS_PTR_STATUS(request);
  if (status != UCS_OK) failure_.note("sending a message", status);
  return ucx_status("sending a message", status);
}

void Sends::on_sent(void* request, ucs_status_t status, void* user_data) {
  auto& buffer = *static_cast<Buffer*>(user_data);
  auto& sends = *buffer.owner;
  sends.free_[sends.free_count_++] = &buffer;
  if (status != UCS_OK) sends.failure_.note("sending a message", status);
  ucp_request_free(request);
}

}  // namespace pegaflow::transport
