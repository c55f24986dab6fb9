#include "transport/ucx/puts.h"

#include <ucp/api/ucp.h>

#include <string>

#include "transport/transport.h"

namespace pegaflow::transport {

Status Puts::put(ucp_ep_h endpoint, std::span<const std::byte> from, const UcxLocalMemory& local,
                 const UcxRemoteMemory& to, std::uint64_t offset) {
  if (unfinished_ >= kMaxUnfinishedPuts) {
    return Error(Code::kResourceExhausted,
                 std::to_string(kMaxUnfinishedPuts) + " puts are unfinished");
  }
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA |
                        UCP_OP_ATTR_FIELD_MEMH | UCP_OP_ATTR_FLAG_MULTI_SEND;
  params.cb.send = &Puts::on_put;
  params.user_data = this;
  params.memh = local.handle();
  const auto request =
      ucp_put_nbx(endpoint, from.data(), from.size(), to.base() + offset, to.rkey(), &params);
  if (UCS_PTR_IS_PTR(request)) {
    ++unfinished_;
    return {};
  }
  const auto status = UCS_PTR_STATUS(request);
  if (status != UCS_OK) failure_.note("putting to the peer's memory", status);
  return ucx_status("putting to the peer's memory", status);
}

void Puts::on_put(void* request, ucs_status_t status, void* user_data) {
  auto& puts = *static_cast<Puts*>(user_data);
  --puts.unfinished_;
  if (status != UCS_OK) puts.failure_.note("putting to the peer's memory", status);
  ucp_request_free(request);
}

}  // namespace pegaflow::transport
