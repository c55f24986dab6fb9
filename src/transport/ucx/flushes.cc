#include "transport/ucx/flushes.h"

#include <ucp/api/ucp.h>

#include <string>

#include "base/check.h"

namespace pegaflow::transport {

Flushes::Flushes(LinkFailure& failure) : failure_(failure), entries_(kMaxUnfinishedFlushes) {
  for (auto& entry : entries_) {
    entry.owner = this;
    release(entry);
  }
}

Status Flushes::start(ucp_ep_h endpoint, std::uint64_t token) {
  PEGAFLOW_ASSIGN(auto* const entry, take(token));
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  params.cb.send = &Flushes::on_flushed;
  params.user_data = entry;
  const auto request = ucp_ep_flush_nbx(endpoint, &params);
  if (UCS_PTR_IS_PTR(request)) return {};
  const auto status = UCS_PTR_STATUS(request);
  if (status == UCS_OK) {
    finish(*entry);
    return {};
  }
  release(*entry);
  failure_.note("flushing the link", status);
  return ucx_status("flushing the link", status);
}

Status Flushes::start_at_peer(std::uint64_t token) {
  PEGAFLOW_ASSIGN(auto* const entry, take(token));
  PEGAFLOW_CHECK(at_peer_.try_push(entry));
  return {};
}

bool Flushes::peer_flushed() {
  const auto entry = at_peer_.try_pop();
  if (!entry) return false;
  finish_or_release(**entry);
  return true;
}

std::uint64_t Flushes::take_finished() {
  const auto entry = finished_.try_pop();
  PEGAFLOW_CHECK(entry.has_value());
  release(**entry);
  return (*entry)->token;
}

std::optional<std::uint64_t> Flushes::abandon_one() {
  if (!finished_.empty()) return take_finished();
  for (; abandoned_up_to_ < entries_.size(); ++abandoned_up_to_) {
    auto& entry = entries_[abandoned_up_to_];
    if (entry.state == State::kPosted) {
      entry.state = State::kAbandoned;
      return entry.token;
    }
  }
  return std::nullopt;
}

Result<Flushes::Entry*> Flushes::take(std::uint64_t token) {
  const auto entry = free_.try_pop();
  if (!entry) {
    return Error(Code::kResourceExhausted,
                 std::to_string(kMaxUnfinishedFlushes) + " flushes are unfinished");
  }
  (*entry)->token = token;
  (*entry)->state = State::kPosted;
  return *entry;
}

void Flushes::on_flushed(void* request, ucs_status_t status, void* user_data) {
  auto& entry = *static_cast<Entry*>(user_data);
  if (status != UCS_OK) entry.owner->failure_.note("flushing the link", status);
  entry.owner->finish_or_release(entry);
  ucp_request_free(request);
}

void Flushes::finish_or_release(Entry& entry) {
  if (entry.state == State::kAbandoned) {
    release(entry);
  } else {
    finish(entry);
  }
}

void Flushes::finish(Entry& entry) {
  entry.state = State::kFinished;
  PEGAFLOW_CHECK(finished_.try_push(&entry));
}

void Flushes::release(Entry& entry) {
  entry.state = State::kFree;
  PEGAFLOW_CHECK(free_.try_push(&entry));
}

}  // namespace pegaflow::transport
