#include "transport/ucx/sends.h"

#include <ucp/api/ucp.h>

#include <cstring>

#include "base/check.h"

namespace pegaflow::transport {

Sends::Sends(const Channel& channel, LinkFailure& failure)
    : channel_(channel),
      failure_(failure),
      storage_(channel.buffers * channel.buffer_bytes),
      buffers_(channel.buffers),
      free_(channel.buffers) {
  std::span<std::byte> left(storage_);
  for (auto& buffer : buffers_) {
    buffer.owner = this;
    buffer.bytes = left.first(channel.buffer_bytes);
    left = left.subspan(channel.buffer_bytes);
    give_back(buffer);
  }
}

Status Sends::send(ucp_ep_h endpoint, std::span<const std::byte> message) {
  const auto free = free_.try_pop();
  if (!free) {
    return Error(Code::kResourceExhausted,
                 "all " + std::to_string(channel_.buffers) + " send buffers are in use");
  }
  auto& buffer = **free;
  PEGAFLOW_CHECK(message.size() <= buffer.bytes.size());
  std::memcpy(buffer.bytes.data(), message.data(), message.size());
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  params.cb.send = &Sends::on_sent;
  params.user_data = &buffer;
  const auto request =
      ucp_tag_send_nbx(endpoint, buffer.bytes.data(), message.size(), channel_.tag, &params);
  if (UCS_PTR_IS_PTR(request)) return {};
  give_back(buffer);
  const auto status = UCS_PTR_STATUS(request);
  if (status != UCS_OK) failure_.note("sending a message", status);
  return ucx_status("sending a message", status);
}

void Sends::on_sent(void* request, ucs_status_t status, void* user_data) {
  auto& buffer = *static_cast<Buffer*>(user_data);
  auto& sends = *buffer.owner;
  sends.give_back(buffer);
  if (status != UCS_OK) sends.failure_.note("sending a message", status);
  ucp_request_free(request);
}

void Sends::give_back(Buffer& buffer) { PEGAFLOW_CHECK(free_.try_push(&buffer)); }

}  // namespace pegaflow::transport
