#include "transport/loopback/worker.h"

#include <array>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "transport/blob.h"
#include "transport/limits.h"
#include "transport/loopback/memory.h"

namespace pegaflow::transport {

Result<std::unique_ptr<Worker>> LoopbackWorker::create(Fabric& fabric, WorkerEvents& events) {
  PEGAFLOW_ASSIGN(Port * port, fabric.add_port());
  std::array<std::byte, sizeof(PortId)> payload{};
  ByteWriter(payload).put(port->id);
  auto address = wrap_blob(BlobKind::kLoopbackAddress, payload);
  return std::unique_ptr<Worker>(
      std::make_unique<LoopbackWorker>(fabric, *port, events, std::move(address).value()));
}

LoopbackWorker::~LoopbackWorker() {
  check_thread();
  PEGAFLOW_CHECK(!in_progress_);
  fabric_.remove_port(port_);
}

void LoopbackWorker::check_thread() const { PEGAFLOW_CHECK(std::this_thread::get_id() == owner_); }

Status LoopbackWorker::check_usable() const {
  check_thread();
  if (connected_) return {};
  return Error(Code::kFailedPrecondition, "the worker is not connected to a peer");
}

Status LoopbackWorker::connect(const Blob& peer_address) {
  check_thread();
  if (connected_) {
    return Error(Code::kFailedPrecondition, "the worker is connected already: one link each");
  }
  PEGAFLOW_ASSIGN(const auto payload, unwrap_blob(BlobKind::kLoopbackAddress, peer_address));
  ByteReader reader(payload);
  const auto peer = reader.get<PortId>();
  if (!reader.finished()) {
    return Error(Code::kProtocol, "a loopback address has " + std::to_string(payload.size()) +
                                      " bytes, expected " + std::to_string(sizeof(PortId)));
  }
  connected_ = true;
  fabric_.link(port_, peer);
  return {};
}

Result<std::unique_ptr<RemoteMemory>> LoopbackWorker::unpack(const Blob& remote_key) {
  PEGAFLOW_TRY(check_usable());
  return LoopbackRemoteMemory::unpack(port_.id, remote_key);
}

Status LoopbackWorker::send(std::span<const std::byte> message) {
  PEGAFLOW_TRY(check_usable());
  PEGAFLOW_TRY(check_message_size(message));
  return fabric_.send(port_, message);
}

Status LoopbackWorker::put(std::span<const std::byte> from, const LocalMemory& local,
                           RemoteMemory& to, std::uint64_t offset) {
  PEGAFLOW_TRY(check_usable());
  const auto& target = static_cast<const LoopbackRemoteMemory&>(to);
  PEGAFLOW_CHECK(target.owner() == port_.id);
  PEGAFLOW_TRY(check_put_range(from, local, to, offset));
  RmaOperation put;
  put.from = from;
  put.region = target.region();
  put.offset = offset;
  return fabric_.post(port_, put);
}

Status LoopbackWorker::flush(std::uint64_t token) {
  PEGAFLOW_TRY(check_usable());
  RmaOperation flush;
  flush.is_flush = true;
  flush.token = token;
  return fabric_.post(port_, flush);
}

unsigned LoopbackWorker::progress() {
  check_thread();
  PEGAFLOW_CHECK(!in_progress_);
  in_progress_ = true;
  unsigned steps = fabric_.pump(port_);
  steps += deliver_messages();
  steps += report_break();
  steps += report_flushes();
  in_progress_ = false;
  return steps;
}

unsigned LoopbackWorker::deliver_messages() {
  const auto count = static_cast<unsigned>(fabric_.arrived(port_));
  for (unsigned i = 0; i < count; ++i) events_.on_message(fabric_.take_message(port_, delivering_));
  return count;
}

unsigned LoopbackWorker::report_break() {
  const char* why = fabric_.take_break(port_);
  if (why == nullptr) return 0;
  unsigned steps = 1;
  const Error error(Code::kUnavailable, why);
  events_.on_broken(error);
  while (const auto token = fabric_.take_unflushed(port_)) {
    events_.on_flushed(*token, error);
    ++steps;
  }
  return steps;
}

unsigned LoopbackWorker::report_flushes() {
  unsigned steps = 0;
  while (steps < kMaxUnfinishedFlushes) {
    const auto token = fabric_.take_flushed(port_);
    if (!token) break;
    wired_up_ = true;
    events_.on_flushed(*token, Status());
    ++steps;
  }
  return steps;
}

// As in UCX: one wake-up makes one arm() fail.
Result<bool> LoopbackWorker::arm() {
  check_thread();
  if (port_.event.drain()) return false;
  return !fabric_.has_work(port_);
}

void LoopbackWorker::wake() { port_.event.signal(); }

Result<LaneInfo> LoopbackWorker::lanes() const {
  check_thread();
  if (!wired_up_) {
    return Error(Code::kUnavailable, "the lanes are known after the first flush was reported");
  }
  return LaneInfo{
      .rma = {"loopback"}, .control = {"loopback"}, .text = "rma loopback; am loopback"};
}

}  // namespace pegaflow::transport
