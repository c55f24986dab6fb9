#include "transport/ucx/endpoint.h"

#include <ucp/api/ucp.h>

#include "base/check.h"

namespace pegaflow::transport {
namespace {

void on_endpoint_error(void* failure, ucp_ep_h /*endpoint*/, ucs_status_t status) {
  static_cast<LinkFailure*>(failure)->note("the connection to the peer broke", status);
}

}  // namespace

Status Endpoint::connect(ucp_worker_h worker, std::span<const std::byte> address) {
  PEGAFLOW_CHECK(!connected());
  ucp_ep_params_t params{};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(address.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = on_endpoint_error;
  params.err_handler.arg = &failure_;
  return ucx_status("connecting to the peer's worker", ucp_ep_create(worker, &params, &endpoint_));
}

void Endpoint::close(ucp_worker_h worker, const std::function<bool()>& quiet,
                     std::chrono::milliseconds patience) {
  if (!connected()) return;
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  params.flags = UCP_EP_CLOSE_FLAG_FORCE;
  const auto request = ucp_ep_close_nbx(endpoint_, &params);
  endpoint_ = nullptr;
  const auto busy = [&] {
    return !quiet() ||
           (UCS_PTR_IS_PTR(request) && ucp_request_check_status(request) == UCS_INPROGRESS);
  };
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (busy() && std::chrono::steady_clock::now() < deadline) ucp_worker_progress(worker);
  if (UCS_PTR_IS_PTR(request)) ucp_request_free(request);
}

}  // namespace pegaflow::transport
