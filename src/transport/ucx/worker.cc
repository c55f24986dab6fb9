#include "transport/ucx/worker.h"

#include <ucp/api/ucp.h>

#include <string>

#include "base/check.h"
#include "transport/blob.h"
#include "transport/limits.h"
#include "transport/ucx/lane_query.h"
#include "transport/ucx/status.h"

namespace pegaflow::transport {
namespace {

// How long a worker's end waits for UCX to close the endpoint. Closing by force takes
// microseconds, except that cma finishes the puts it was given; what is not closed then is cut off
// when the UCP worker is destroyed.
constexpr std::chrono::milliseconds kClosePatience{2000};

Result<UniqueUcxWorker> make_ucp_worker(ucp_context_h context) {
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  params.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  ucp_worker_h raw = nullptr;
  PEGAFLOW_TRY(ucx_status("creating a UCX worker", ucp_worker_create(context, &params, &raw)));
  UniqueUcxWorker worker(raw);
  ucp_worker_attr_t attributes{};
  attributes.field_mask = UCP_WORKER_ATTR_FIELD_THREAD_MODE;
  PEGAFLOW_TRY(ucx_status("asking a UCX worker", ucp_worker_query(raw, &attributes)));
  // wake() needs more than SINGLE.
  if (attributes.thread_mode == UCS_THREAD_MODE_SINGLE) {
    return Error(Code::kUnsupported,
                 "UCX made a single-threaded worker where SERIALIZED was asked for: it must be "
                 "built with --enable-mt");
  }
  return worker;
}

Result<Blob> make_address(ucp_worker_h worker) {
  ucp_address_t* address = nullptr;
  std::size_t length = 0;
  PEGAFLOW_TRY(ucx_status("asking for a UCX worker's address",
                          ucp_worker_get_address(worker, &address, &length)));
  auto blob = wrap_blob(BlobKind::kUcxAddress, {reinterpret_cast<std::byte*>(address), length});
  ucp_worker_release_address(worker, address);
  return blob;
}

}  // namespace

void UcxWorkerDeleter::operator()(ucp_worker_h worker) const { ucp_worker_destroy(worker); }

Result<std::unique_ptr<Worker>> UcxWorker::create(ucp_context_h context,
                                                  const Registrations& memories,
                                                  WorkerEvents& events) {
  PEGAFLOW_ASSIGN(auto ucp_worker, make_ucp_worker(context));
  std::unique_ptr<UcxWorker> worker(new UcxWorker(std::move(ucp_worker), memories, events));
  PEGAFLOW_TRY(worker->prepare());
  return std::unique_ptr<Worker>(std::move(worker));
}

UcxWorker::UcxWorker(UniqueUcxWorker worker, const Registrations& memories, WorkerEvents& events)
    : events_(events),
      receives_(kMessages, failure_),
      sends_(kMessages, failure_),
      put_notices_(kPutNotices, failure_),
      puts_(failure_),
      emulated_puts_(put_notices_, failure_),
      flushes_(failure_),
      incoming_puts_(memories, put_notices_, flushes_, failure_),
      worker_(std::move(worker)),
      endpoint_(failure_) {}

UcxWorker::~UcxWorker() {
  check_thread();
  PEGAFLOW_CHECK(!in_progress_);
  memories_.release_all();
  incoming_puts_.cancel_all(worker_.get());
  receives_.cancel_all(worker_.get());
  // UCX 1.22 aborts when its worker is destroyed while cma still works on a put.
  endpoint_.close(worker_.get(), [this] { return puts_.unfinished() == 0; }, kClosePatience);
}

Status UcxWorker::prepare() {
  PEGAFLOW_ASSIGN(address_, make_address(worker_.get()));
  PEGAFLOW_TRY(ucx_status("asking for a UCX worker's event fd",
                          ucp_worker_get_efd(worker_.get(), &event_fd_)));
  PEGAFLOW_TRY(incoming_puts_.post_all(worker_.get()));
  return receives_.post_all(worker_.get());
}

void UcxWorker::check_thread() const { PEGAFLOW_CHECK(std::this_thread::get_id() == owner_); }

Status UcxWorker::check_usable() const {
  check_thread();
  if (failure_.happened()) return failure_.error().within("the link is broken");
  if (!endpoint_.connected()) {
    return Error(Code::kFailedPrecondition, "the worker is not connected to a peer");
  }
  return {};
}

Status UcxWorker::connect(const Blob& peer_address) {
  check_thread();
  if (endpoint_.connected()) {
    return Error(Code::kFailedPrecondition, "the worker is connected already: one link each");
  }
  PEGAFLOW_ASSIGN(const auto address, unwrap_blob(BlobKind::kUcxAddress, peer_address));
  PEGAFLOW_TRY(endpoint_.connect(worker_.get(), address));
  PEGAFLOW_ASSIGN(const auto lanes, query_lanes(endpoint_.get()));
  emulate_ = lanes.emulated;
  return {};
}

Result<std::unique_ptr<RemoteMemory>> UcxWorker::unpack(const Blob& remote_key) {
  PEGAFLOW_TRY(check_usable());
  return memories_.unpack(endpoint_.get(), remote_key);
}

Status UcxWorker::send(std::span<const std::byte> message) {
  PEGAFLOW_TRY(check_usable());
  PEGAFLOW_TRY(check_message_size(message));
  return sends_.send(endpoint_.get(), message);
}

Status UcxWorker::put(std::span<const std::byte> from, const LocalMemory& local, RemoteMemory& to,
                      std::uint64_t offset) {
  PEGAFLOW_TRY(check_usable());
  const auto& target = static_cast<const UcxRemoteMemory&>(to);
  PEGAFLOW_CHECK(target.belongs_to(memories_));
  PEGAFLOW_TRY(check_put_range(from, local, to, offset));
  const auto& source = static_cast<const UcxLocalMemory&>(local);
  if (emulate_) return emulated_puts_.put(endpoint_.get(), from, source, target, offset);
  return puts_.put(endpoint_.get(), from, source, target, offset);
}

Status UcxWorker::flush(std::uint64_t token) {
  PEGAFLOW_TRY(check_usable());
  if (emulate_) return emulated_puts_.flush(endpoint_.get(), flushes_, token);
  return flushes_.start(endpoint_.get(), token);
}

unsigned UcxWorker::progress() {
  check_thread();
  PEGAFLOW_CHECK(!in_progress_);
  in_progress_ = true;
  unsigned steps = ucp_worker_progress(worker_.get());
  steps += incoming_puts_.progress(worker_.get(), endpoint_.get());
  steps += deliver_messages();
  steps += report_break();
  steps += report_flushes();
  in_progress_ = false;
  return steps;
}

// Only those that are there now: each repost may bring in another one.
unsigned UcxWorker::deliver_messages() {
  const auto ready = static_cast<unsigned>(receives_.ready());
  for (unsigned i = 0; i < ready; ++i) {
    events_.on_message(receives_.front());
    receives_.repost_front(worker_.get());
  }
  return ready;
}

// UCX has reported flushes as OK after the peer's death, so none counts that was not reported
// before the break was noticed.
unsigned UcxWorker::report_break() {
  if (!failure_.happened() || break_reported_) return 0;
  break_reported_ = true;
  unsigned steps = 1;
  const auto error = failure_.error();
  events_.on_broken(error);
  while (const auto token = flushes_.abandon_one()) {
    events_.on_flushed(*token, error);
    ++steps;
  }
  return steps;
}

unsigned UcxWorker::report_flushes() {
  const auto finished = static_cast<unsigned>(flushes_.finished());
  for (unsigned i = 0; i < finished; ++i) {
    wired_up_ = true;
    events_.on_flushed(flushes_.take_finished(), Status());
  }
  return finished;
}

Result<bool> UcxWorker::arm() {
  check_thread();
  const bool break_to_report = failure_.happened() && !break_reported_;
  if (receives_.ready() > 0 || flushes_.finished() > 0 || incoming_puts_.has_work() ||
      break_to_report) {
    return false;
  }
  const auto status = ucp_worker_arm(worker_.get());
  if (status == UCS_ERR_BUSY) return false;
  PEGAFLOW_TRY(ucx_status("arming a UCX worker", status));
  return true;
}

void UcxWorker::wake() { ucp_worker_signal(worker_.get()); }

Result<LaneInfo> UcxWorker::lanes() const {
  check_thread();
  if (!wired_up_) {
    return Error(Code::kUnavailable, "the lanes are known after the first flush was reported");
  }
  PEGAFLOW_ASSIGN(auto lanes, query_lanes(endpoint_.get()));
  if (lanes.emulated != emulate_) {
    return Error(Code::kInternal, "UCX changed its lanes during the wire-up: " + lanes.text);
  }
  return lanes;
}

}  // namespace pegaflow::transport
