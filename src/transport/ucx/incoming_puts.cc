#include "transport/ucx/incoming_puts.h"

#include <ucp/api/ucp.h>

#include <array>

#include "base/check.h"

namespace pegaflow::transport {
namespace {

// Bytes follow their notice at once, so few are on their way at a time; further notices wait.
constexpr std::size_t kLandings = 64;

}  // namespace

IncomingPuts::IncomingPuts(const Registrations& memories, Sends& answers, Flushes& flushes,
                           LinkFailure& failure)
    : memories_(memories),
      answers_(answers),
      flushes_(flushes),
      failure_(failure),
      notices_(kPutNotices, failure),
      landings_(kLandings),
      free_(kLandings) {
  for (auto& landing : landings_) {
    landing.owner = this;
    PEGAFLOW_CHECK(free_.try_push(&landing));
  }
}

unsigned IncomingPuts::progress(ucp_worker_h worker, ucp_ep_h endpoint) {
  unsigned steps = 0;
  for (auto ready = notices_.ready(); ready > 0 && !free_.empty(); --ready, ++steps) {
    const auto notice = decode_put_notice(notices_.front());
    if (notice.ok()) {
      handle(worker, *notice);
    } else {
      failure_.note("reading a put notice", UCS_ERR_INVALID_PARAM);
    }
    notices_.repost_front(worker);
  }
  return steps + (endpoint == nullptr ? 0 : answer_flushes(endpoint));
}

void IncomingPuts::cancel_all(ucp_worker_h worker) {
  for (auto& landing : landings_) {
    if (landing.request != nullptr) ucp_request_cancel(worker, landing.request);
  }
  notices_.cancel_all(worker);
}

void IncomingPuts::handle(ucp_worker_h worker, const PutNotice& notice) {
  switch (notice.kind) {
    case PutNoticeKind::kPut:
      land(worker, notice);
      return;
    case PutNoticeKind::kFlush:
      if (!marks_.try_push({.number = notice.number, .puts_before = puts_started_})) {
        failure_.note("keeping the peer's flushes", UCS_ERR_EXCEEDS_LIMIT);
      }
      return;
    case PutNoticeKind::kFlushed:
      if (notice.number != flushes_answered_++ || !flushes_.peer_flushed()) {
        failure_.note("matching the peer's answer to a flush", UCS_ERR_NO_ELEM);
      }
      return;
  }
}

void IncomingPuts::land(ucp_worker_h worker, const PutNotice& notice) {
  const auto target = memories_.find(notice.address, notice.length);
  if (target.empty()) {
    failure_.note("a put by the peer outside of our registered memory", UCS_ERR_INVALID_ADDR);
    return;
  }
  auto& landing = **free_.try_pop();
  ++puts_started_;
  landing.length = target.size();
  landing.posted = true;
  ucp_request_param_t params{};
  params.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  params.cb.recv = &IncomingPuts::on_landed;
  params.user_data = &landing;
  const auto request =
      ucp_tag_recv_nbx(worker, target.data(), target.size(), kPutBytesTag, ~ucp_tag_t{0}, &params);
  if (UCS_PTR_IS_ERR(request)) {
    PEGAFLOW_CHECK(free_.try_push(&landing));
    failure_.note("receiving a put", UCS_PTR_STATUS(request));
    return;
  }
  landing.request = landing.posted ? request : nullptr;
}

void IncomingPuts::on_landed(void* request, ucs_status_t status, const ucp_tag_recv_info_t* info,
                             void* user_data) {
  auto& landing = *static_cast<Landing*>(user_data);
  auto& puts = *landing.owner;
  if (status != UCS_OK || info->length != landing.length) {
    puts.failure_.note("receiving a put", status == UCS_OK ? UCS_ERR_INVALID_PARAM : status);
  } else {
    ++puts.puts_landed_;
  }
  landing.posted = false;
  landing.request = nullptr;
  PEGAFLOW_CHECK(puts.free_.try_push(&landing));
  ucp_request_free(request);
}

// One lane carries all, so puts land in the order of their notices and counting them is enough.
unsigned IncomingPuts::answer_flushes(ucp_ep_h endpoint) {
  unsigned steps = 0;
  while (!marks_.empty() && marks_.front().puts_before <= puts_landed_ && !answers_.full() &&
         !failure_.happened()) {
    PutNotice notice;
    notice.kind = PutNoticeKind::kFlushed;
    notice.number = marks_.try_pop()->number;
    std::array<std::byte, kPutNoticeBytes> bytes{};
    encode_put_notice(notice, bytes);
    const auto sent = answers_.send(endpoint, bytes);
    if (!sent.ok()) break;  // noted as the link's failure
    ++steps;
  }
  return steps;
}

}  // namespace pegaflow::transport
