#include "client/setup_channel.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace pegaflow::client {

SetupChannel::SetupChannel(SeqpacketSocket socket, SharedState& state, memory::Device& device,
                           memory::Mover& mover)
    : socket_(std::move(socket)), state_(state), device_(device), mover_(mover) {}

Status SetupChannel::step() {
  PEGAFLOW_TRY(receive_all());
  PEGAFLOW_TRY(unmap_retired());
  return send_all();
}

Status SetupChannel::receive_all() {
  while (true) {
    PEGAFLOW_ASSIGN(std::optional<Packet> packet, socket_.receive());
    if (!packet) return {};
    PEGAFLOW_TRY(handle(std::move(*packet)));
  }
}

Status SetupChannel::send_all() {
  const std::lock_guard lock(state_.mutex);
  while (!state_.setup_texts.empty()) {
    const Status sent = socket_.send(state_.setup_texts.front());
    if (!sent.ok() && sent.error().code() == Code::kResourceExhausted) return {};  // full: later
    if (!sent.ok()) return sent.error();
    state_.setup_texts.pop_front();
  }
  return {};
}

Status SetupChannel::handle(Packet packet) {
  PEGAFLOW_ASSIGN(wire::SessionMessage message, wire::decode_session(packet.text));
  if (const auto* region = std::get_if<wire::MapRegion>(&message)) {
    return map(*region, std::move(packet.fds));
  }
  if (!packet.fds.empty()) {
    return Error{Code::kProtocol, "the agent sent files with a message that has none"};
  }
  if (const auto* ok = std::get_if<wire::PoolOk>(&message)) return add_pool(*ok);
  const std::lock_guard lock(state_.mutex);
  if (auto* unmap = std::get_if<wire::UnmapRegion>(&message)) return on(*unmap);
  if (auto* no = std::get_if<wire::PoolNo>(&message)) return on(*no);
  if (auto* pool = std::get_if<wire::PeerPool>(&message)) return on(*pool);
  if (auto* gone = std::get_if<wire::PeerGone>(&message)) return on(*gone);
  return Error{Code::kProtocol, "the agent sent a set-up message that only clients send"};
}

// Mapping and unmapping gigabytes takes a while, hence outside of the lock.
Status SetupChannel::map(const wire::MapRegion& message, std::vector<UniqueFd> fds) {
  auto region = map_region(message, std::move(fds), device_);
  // Of an agent with memory for other engines, too; nothing of it will be lent to this one.
  if (!region.ok() && region.error().code() == Code::kUnsupported) return {};
  if (!region.ok()) return region.error();
  const std::lock_guard lock(state_.mutex);
  return state_.regions.add(message.region, std::move(*region));
}

Status SetupChannel::unmap_retired() {
  std::vector<RegionTable::Retired> gone;
  {
    const std::lock_guard lock(state_.mutex);
    gone = state_.regions.take_retired();
  }
  for (auto& [id, region] : gone) {
    region.reset();
    PEGAFLOW_ASSIGN(std::string text, wire::encode_session(wire::Unmapped{id}));
    const std::lock_guard lock(state_.mutex);
    state_.setup_texts.push_back(std::move(text));
  }
  return {};
}

Status SetupChannel::on(const wire::UnmapRegion& message) {
  state_.regions.retire(message.region);
  return {};
}

// The mover learns of the pool outside of the lock: it may have to talk to a GPU.
Status SetupChannel::add_pool(const wire::PoolOk& message) {
  const LocalPool* pool = nullptr;
  {
    const std::lock_guard lock(state_.mutex);
    const auto found = state_.pool_requests.find(message.request);
    if (found == state_.pool_requests.end()) return {};  // add_pool() gave up
    if (message.pool.value == 0) return Error{Code::kProtocol, "POOL_OK: pool 0"};
    PEGAFLOW_TRY(state_.pools.add_local(message.pool, std::move(found->second.layout)));
    pool = state_.pools.local(message.pool);
  }
  const Status known = mover_.add_pool(pool->layout);
  const std::lock_guard lock(state_.mutex);
  answer(message.request, known.ok() ? Result<PoolId>(message.pool) : known.error());
  return {};
}

Status SetupChannel::on(const wire::PoolNo& message) {
  answer(message.request, Error{message.code, "the agent refused the pool: " + message.reason});
  return {};
}

Status SetupChannel::on(wire::PeerPool& message) {
  return state_.pools.add_peer(message.pool, std::move(message.instance), std::move(message.shape));
}

Status SetupChannel::on(const wire::PeerGone& message) {
  state_.pools.remove_peer(message.pool);
  return {};
}

void SetupChannel::answer(std::uint32_t request, Result<PoolId> result) {
  const auto found = state_.pool_requests.find(request);
  if (found == state_.pool_requests.end()) return;
  found->second.answer = std::move(result);
  state_.changed.notify_all();
}

}  // namespace pegaflow::client
