// What the two ends of a link tell each other of their engines' pools, and what follows: numbers of
// writers (at D of a mapped link), regions mapped into engines (at P of a direct link).
#include <algorithm>
#include <map>
#include <utility>

#include "agent/link/link.h"

namespace pegaflow::agent {

void Link::send_own_pools() {
  // By number, so that the other side knows which are still to come.
  std::map<PoolId, std::pair<const LocalPool*, const UniqueFd*>> pools;
  environment_.sessions.for_each([&](ClientSession& session) {
    for (const LocalPool& pool : session.pools()) pools[pool.id] = {&pool, &session.pidfd()};
  });
  for (const auto& [id, pool] : pools) {
    const Status sent = send_pool(*pool.first, *pool.second);
    if (!sent.ok()) return break_later(sent.error());
  }
}

void Link::pool_added(const ClientSession& session, const LocalPool& pool) {
  if (!connection_ || !connection_->channel) return;  // told of on the way up
  const Status sent = send_pool(pool, session.pidfd());
  if (!sent.ok()) break_later(sent.error());
}

void Link::pool_gone(PoolId pool) {
  if (!connection_ || !connection_->channel) return;
  connection_->acknowledged.erase(pool);
  const Status sent = connection_->socket->send(wire::LinkPoolGone{pool});
  if (!sent.ok()) break_later(sent.error());
}

Status Link::send_pool(const LocalPool& pool, const UniqueFd& pidfd) {
  const bool writes_slots = terms_.we_are_source && direct(pool);
  const wire::LinkPool message{pool.id, pool.instance, writes_slots, pool.shape};
  if (!terms_.mapped) return connection_->socket->send(message);
  const int fds[] = {pidfd.get()};
  return connection_->socket->send(message, fds);
}

Status Link::on_peer_pool(const wire::LinkPool& message, std::vector<UniqueFd> fds) {
  PEGAFLOW_TRY(connection_->pools.check(message));
  WriterId writer;
  if (terms_.mapped && !terms_.we_are_source) {
    PEGAFLOW_ASSIGN(writer, writer_of_engine(message, std::move(fds)));
    if (!message.direct) writer = connection_->agent_writer;
    PEGAFLOW_TRY(connection_->socket->send(wire::LinkPoolOk{message.pool, writer}));
  }
  const PeerPool pool = connection_->pools.add(message, environment_.pools.next_id(), writer);
  if (up()) environment_.events.on_peer_pool(*this, pool);
  return {};
}

Result<WriterId> Link::writer_of_engine(const wire::LinkPool& message, std::vector<UniqueFd> fds) {
  if (fds.size() != 1) {
    return Error(Code::kProtocol, "LINK_POOL on a mapped link: expected one pidfd, got " +
                                      std::to_string(fds.size()) + " files");
  }
  const Nanos teardown =
      message.shape.gpu_uuid.empty() ? Nanos(0) : Nanos(WriterTable::kGpuTeardown);
  return peer_writers_.number_of(message.shape.incarnation, std::move(fds.front()), teardown);
}

Status Link::on_pool_ok(const wire::LinkPoolOk& message) {
  if (!terms_.mapped || !terms_.we_are_source) {
    return Error(Code::kProtocol, "only D of a mapped link sends LINK_POOL_OK");
  }
  if (connection_->acknowledged.size() >= PeerPools::kMaxPools) {
    return Error(Code::kProtocol, "LINK_POOL_OK for more pools than there can be");
  }
  connection_->acknowledged.emplace(message.pool, message.writer);
  if (up()) map_regions_for(message.pool, message.writer);
  return {};
}

void Link::map_regions_for(PoolId pool, WriterId writer) {
  if (terms_.path != DataPath::kDirect) return;
  environment_.sessions.for_each([&](ClientSession& session) {
    const auto pools = session.pools();
    const bool owner = std::any_of(pools.begin(), pools.end(), [&](const LocalPool& own) {
      return own.id == pool && direct(own);
    });
    for (std::uint16_t i = 0; owner && i < connection_->regions->size(); ++i) {
      session.map_peer_region(terms_.id, i, *connection_->regions->mapped(i), writer);
    }
  });
}

Status Link::on_pool_gone(const wire::LinkPoolGone& message) {
  const std::optional<PeerPool> pool = connection_->pools.remove(message.pool);
  if (!pool) return Error(Code::kProtocol, "LINK_POOL_GONE for a pool it never told of");
  environment_.sessions.forget_peer_pool(pool->visible);
  if (up()) environment_.events.on_peer_pool_gone(*this, *pool);
  return {};
}

}  // namespace pegaflow::agent
