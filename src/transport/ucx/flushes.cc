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
  if (free_count_ == 0) {
    return Error(Code::kResourceExhausted,
                 std::to_string(kMaxUnfinishedFlushes) + " flushes are unfinished");
  }
  auto& entry = *free_[--free_count_];
  entry.token = token;
  entry.state = State::kPosted;
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  params.cb.send = &Flushes::on_flushed;
  params.user_data = &entry;
  const auto request = ucp_ep_flush_nbx(endpoint, &params);
  if (UCS_PTR_IS_PTR(request)) return {};
  const auto status = UCS_PTR_STATUS(request);
  if (status == UCS_OK) {
    finish(entry);
    return {};
  }
  release(entry);
  failure_.note("flushing the link", status);
  return ucx_status("flushing the link", status);
}

std::uint64_t Flushes::take_finished() {
  PEGAFLOW_CHECK(finished_count_ > 0);
  auto& entry = *finished_[finished_first_];
  finished_first_ = (finished_first_ + 1) % finished_.size();
  --finished_count_;
  release(entry);
  return entry.token;
}

std::optional<std::uint64_t> Flushes::abandon_one() {
  if (finished_count_ > 0) return take_finished();
  for (; abandoned_up_to_ < entries_.size(); ++abandoned_up_to_) {
    auto& entry = entries_[abandoned_up_to_];
    if (entry.state == State::kPosted) {
      entry.state = State::kAbandoned;
      return entry.token;
    }
  }
  return std::nullopt;
}

void Flushes::on_flushed(void* request, ucs_status_t status, void* user_data) {
  auto& entry = *static_cast<Entry*>(user_data);
  auto& flushes = *entry.owner;
  if (status != UCS_OK) flushes.failure_.note("flushing the link", status);
  if (entry.state == State::kAbandoned) {
    flushes.release(entry);
  } else {
    flushes.finish(entry);
  }
  ucp_request_free(request);
}

void Flushes::finish(Entry& entry) {
  entry.state = State::kFinished;
  finished_[(finished_first_ + finished_count_) % finished_.size()] = &entry;
  ++finished_count_;
}

void Flushes::release(Entry& entry) {
  entry.state = State::kFree;
  free_[free_count_++] = &entry;
}

}  // namespace pegaflow::transport
