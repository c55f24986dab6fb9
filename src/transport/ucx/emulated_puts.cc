#include "transport/ucx/emulated_puts.h"

#include <ucp/api/ucp.h>

#include <array>
#include <string>

#include "transport/ucx/put_notice.h"

namespace pegaflow::transport {
namespace {

Status send_notice(Sends& notices, ucp_ep_h endpoint, const PutNotice& notice) {
  std::array<std::byte, kPutNoticeBytes> bytes{};
  encode_put_notice(notice, bytes);
  return notices.send(endpoint, bytes);
}

}  // namespace

Status EmulatedPuts::put(ucp_ep_h endpoint, std::span<const std::byte> from,
                         const UcxLocalMemory& local, const UcxRemoteMemory& to,
                         std::uint64_t offset) {
  if (unfinished_ >= kMaxUnfinishedPuts) {
    return Error(Code::kResourceExhausted,
                 std::to_string(kMaxUnfinishedPuts) + " puts are unfinished");
  }
  PutNotice notice;
  notice.address = to.base() + offset;
  notice.length = from.size();
  PEGAFLOW_TRY(send_notice(notices_, endpoint, notice));
  return send_bytes(endpoint, from, local);
}

Status EmulatedPuts::flush(ucp_ep_h endpoint, Flushes& flushes, std::uint64_t token) {
  if (notices_.full()) {
    return Error(Code::kResourceExhausted, "too many puts and flushes are unfinished");
  }
  PEGAFLOW_TRY(flushes.start_at_peer(token));
  PutNotice notice;
  notice.kind = PutNoticeKind::kFlush;
  notice.number = flushes_sent_++;
  // When this fails the link is broken, which reports the flush: it counts as accepted.
  static_cast<void>(send_notice(notices_, endpoint, notice));
  return {};
}

Status EmulatedPuts::send_bytes(ucp_ep_h endpoint, std::span<const std::byte> from,
                                const UcxLocalMemory& local) {
  ucp_request_param_t params{};
  params.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMH;
  params.cb.send = &EmulatedPuts::on_sent;
  params.user_data = this;
  params.memh = local.handle();
  const auto request = ucp_tag_send_nbx(endpoint, from.data(), from.size(), kPutBytesTag, &params);
  if (UCS_PTR_IS_PTR(request)) {
    ++unfinished_;
    return {};
  }
  const auto status = UCS_PTR_STATUS(request);
  if (status != UCS_OK) failure_.note("putting to the peer's memory", status);
  return ucx_status("putting to the peer's memory", status);
}

void EmulatedPuts::on_sent(void* request, ucs_status_t status, void* user_data) {
  auto& puts = *static_cast<EmulatedPuts*>(user_data);
  --puts.unfinished_;
  if (status != UCS_OK) puts.failure_.note("putting to the peer's memory", status);
  ucp_request_free(request);
}

}  // namespace pegaflow::transport
