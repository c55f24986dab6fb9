// SinkSide: from a request to granted streams.
#include <algorithm>

#include "agent/transfer/sink_side.h"
#include "base/check.h"
#include "core/plan_compat.h"
#include "core/sources.h"

namespace pegaflow::agent {
namespace {

Nanos or_default(std::uint32_t millis, Nanos fallback) {
  return millis == 0 ? fallback : Nanos(Millis(millis));
}

std::vector<core::TokenRange> ranges(const wire::TokenSpans& spans) {
  std::vector<core::TokenRange> tokens;
  for (const wire::TokenSpan& span : spans) tokens.push_back({span.begin, span.end});
  return tokens;
}

}  // namespace

Reason SinkSide::judge(ClientPort& client, const wire::RingReceive& request,
                       std::string& detail) const {
  const auto pools = client.pools();
  const auto mine = std::find_if(pools.begin(), pools.end(), [&request](const LocalPool& pool) {
    return pool.id == request.pool;
  });
  if (mine == pools.end() || request.tokens.size() != mine->shape.groups.size()) {
    detail = "receive names a pool or groups not of its session";
    return Reason::kPool;
  }
  for (const wire::TokenSpan& span : request.tokens) {
    if (span.begin > span.end || span.end > request.n_tokens) {
      detail = "tokens [" + std::to_string(span.begin) + ", " + std::to_string(span.end) +
               ") of a key with " + std::to_string(request.n_tokens);
      return Reason::kPlan;
    }
  }
  if (context_.draining) return Reason::kDraining;
  if (receives_.size() >= context_.config.limits.max_receives) {
    detail = "limits.max_receives receives are live";
    return Reason::kOverload;
  }
  const bool live = std::any_of(receives_.begin(), receives_.end(), [&](const auto& item) {
    return item.second->client == &client && item.second->request.key == request.key;
  });
  return live ? Reason::kBusy : Reason::kNone;
}

void SinkSide::on_receive(ClientPort& client, const wire::RingReceive& request) {
  std::string detail;
  const Reason reason = judge(client, request, detail);
  if (reason != Reason::kNone) {
    client.send(wire::RingResult{EventKind::kFailed, reason, request.key, request.handle, 0, 0,
                                 detail.substr(0, 255)});
    return;
  }
  auto receive = std::make_unique<Receive>();
  receive->handle = request.handle;
  receive->request = request;
  receive->client = &client;
  receive->xfer = XferId{next_xfer_++};
  receive->began = context_.now();
  const auto& deadlines = context_.config.deadlines;
  receive->total_deadline = receive->began + or_default(request.total_ms, deadlines.total);
  receive->peer_deadline = receive->began + or_default(request.offer_wait_ms, deadlines.offer_wait);
  Receive& added = *receive;
  receives_.emplace(added.xfer.value, std::move(receive));
  context_.probe.receives(static_cast<std::int64_t>(receives_.size()));
  start(added);
}

void SinkSide::on_peer_pool() {
  std::vector<std::uint64_t> waiting;
  for (const auto& [xfer, receive] : receives_) {
    if (receive->peer_deadline) waiting.push_back(xfer);
  }
  for (const std::uint64_t xfer : waiting) {
    const auto at = receives_.find(xfer);
    if (at != receives_.end()) start(*at->second);
  }
}

const LocalPool* SinkSide::pool_of(const Receive& receive) const {
  for (const LocalPool& pool : receive.client->pools()) {
    if (pool.id == receive.request.pool) return &pool;
  }
  return nullptr;
}

std::vector<SinkSide::Candidate> SinkSide::candidates(const Source& source) const {
  std::vector<Candidate> found;
  for (const auto& [id, link] : context_.links) {
    if (link.port->we_are_source()) continue;
    for (const PeerPool& pool : link.port->peer_pools()) {
      if (pool.instance != source.instance || pool.shape.rank.dp != source.dp) continue;
      // A restarted engine's new pool may be known before its old one is gone: the later counts.
      std::erase_if(found,
                    [&pool](const Candidate& c) { return c.pool->shape.rank == pool.shape.rank; });
      found.push_back({link.port, link.probe, &pool});
    }
  }
  return found;
}

void SinkSide::start(Receive& receive) {
  const LocalPool* pool = pool_of(receive);
  PEGAFLOW_CHECK(pool != nullptr);
  const Source& source = receive.request.source;
  const std::vector<Candidate> known = candidates(source);
  receive.waiting_for = "no engine of instance '" + source.instance + "' dp " +
                        std::to_string(source.dp) + " is linked";
  if (known.empty()) return;  // until peer_deadline
  for (const Candidate& candidate : known) {
    if (candidate.pool->shape.fingerprint == pool->shape.fingerprint) continue;
    return fail(receive, Reason::kFingerprint, "source " + candidate.port->peer());
  }
  const Status started = start_streams(receive, *pool, known);
  if (started.ok()) {
    receive.peer_deadline.reset();
    release_unread(receive, *pool, known);
    // Streams with nothing to move end when the source has answered, like all others.
    return;
  }
  drop_unstarted(receive);
  if (started.error().code() == Code::kUnavailable) {
    receive.waiting_for = started.error().message();
    return;
  }
  const bool limit = started.error().code() == Code::kResourceExhausted;
  fail(receive, limit ? Reason::kOverload : Reason::kPlan, started.error().message());
}

Status SinkSide::start_streams(Receive& receive, const LocalPool& pool,
                               const std::vector<Candidate>& known) {
  std::vector<KvShape> shapes;
  for (const Candidate& candidate : known) {
    PEGAFLOW_TRY(core::check_compatible(candidate.pool->shape, pool.shape));
    shapes.push_back(candidate.pool->shape);
  }
  PEGAFLOW_ASSIGN(const std::vector<std::uint32_t> chosen,
                  core::select_sources(shapes, pool.shape));
  for (const std::uint32_t index : chosen) {
    PEGAFLOW_ASSIGN(auto stream, make_stream(receive, pool, known[index]));
    receive.streams.push_back(stream.get());
    streams_.emplace(stream->key, std::move(stream));
  }
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    grant(*receive.streams[i], pool, *known[chosen[i]].pool);
  }
  return {};
}

Result<std::unique_ptr<SinkStream>> SinkSide::make_stream(Receive& receive, const LocalPool& pool,
                                                          const Candidate& candidate) {
  RegionSlots* region = context_.region_for(pool.shape);
  if (region == nullptr) {
    return Error(Code::kUnsupported,
                 "this node has no region for pools " + (pool.shape.gpu_uuid.empty()
                                                             ? std::string("in host memory")
                                                             : "on GPU " + pool.shape.gpu_uuid));
  }
  LinkPort& link = *candidate.port;
  if (region->table().usable_count() < link.window() || region->credits().full()) {
    return Error(Code::kResourceExhausted,
                 "region '" + region->region().name() +
                     "': " + std::to_string(region->table().usable_count()) +
                     " usable slots, window " + std::to_string(link.window()));
  }
  auto stream = std::make_unique<SinkStream>();
  stream->link = &link;
  stream->shows_lent = stream->mapped() && receive.client->takes_lent();
  stream->chunk_bytes = link.chunk_bytes();
  const auto plan = [&](std::uint32_t chunk_bytes) {
    return core::plan_stream(candidate.pool->shape, pool.shape, ranges(receive.request.tokens),
                             chunk_bytes);
  };
  PEGAFLOW_ASSIGN(stream->plan, plan(stream->chunk_bytes));
  // Copies on a GPU overlap within a launch.
  const bool copies_in_turn = stream->shows_lent && pool.shape.gpu_uuid.empty();
  const std::uint32_t finer =
      core::overlapping_chunk_bytes(stream->plan.bytes, stream->chunk_bytes);
  if (copies_in_turn && finer < stream->chunk_bytes) {
    // Refused when a single block is larger than that.
    if (auto cut = plan(finer); cut.ok()) {
      stream->plan = std::move(cut).value();
      stream->chunk_bytes = finer;
    }
  }
  stream->key = {receive.xfer, StreamId{static_cast<std::uint32_t>(receive.streams.size())}};
  stream->serial = next_serial_++;
  stream->receive = &receive;
  stream->probe = candidate.probe;
  stream->source_pool = candidate.pool->id;
  stream->writer = link.writer_for(candidate.pool->id);
  stream->region = region;
  stream->arrived.reset(stream->plan.n_chunks);
  stream->scattered.reset(stream->plan.n_chunks);
  stream->lent.reserve(link.window() + 1U);
  stream->draining.reserve(region->table().size());
  stream->credit = region->credits().add(stream->plan.n_chunks, link.window());
  by_credit_[region->index() * context_.config.limits.max_streams + stream->credit] = stream.get();
  return stream;
}

void SinkSide::grant(SinkStream& stream, const LocalPool& pool, const PeerPool& source) {
  const Receive& receive = *stream.receive;
  const wire::RingReceive& request = receive.request;
  stream.asked = context_.now();
  const Nanos offer_wait = or_default(request.offer_wait_ms, context_.config.deadlines.offer_wait);
  stream.offer_deadline = receive.began + offer_wait;
  stream.probe->stream_started();
  receive.client->announce(source);
  receive.client->send(wire::RingStream{
      stream.key, wire::StreamRole::kSink, request.key, receive.handle, pool.id, source.visible,
      stream.chunk_bytes, stream.plan.hash, static_cast<std::uint32_t>(receive.streams.size()),
      stream.link->integrity(), request.trace_id, request.tokens});
  wire::Grant message{stream.key,
                      request.key,
                      request.reference,
                      source.id,
                      pool.id,
                      source.shape_hash,
                      pool.shape_hash,
                      request.content,
                      request.n_tokens,
                      request.tokens,
                      core::consumers(source.shape, pool.shape),
                      stream.plan.hash,
                      stream.chunk_bytes,
                      0,
                      request.trace_id,
                      {}};
  if (stream.region->lendable() > 0 && stream.region->credits().take_eager(stream.credit)) {
    const auto lent = lend(stream);
    PEGAFLOW_CHECK(lent.has_value());
    stream.lent.back().told = true;
    show_lent(stream);
    message.eager.push_back({stream.region->index(), lent->slot, lent->generation});
  }
  stream.link->send(message);
}

void SinkSide::release_unread(const Receive& receive, const LocalPool& pool,
                              const std::vector<Candidate>& known) const {
  if (pool.shape.rank.tp != 0 || pool.shape.rank.pp != 0) return;
  std::vector<KvShape> shapes;
  shapes.reserve(known.size());
  for (const Candidate& candidate : known) shapes.push_back(candidate.pool->shape);
  for (const std::uint32_t index : core::ranks_not_read(shapes, pool.shape)) {
    known[index].port->send(wire::Release{receive.request.key, receive.request.reference,
                                          known[index].pool->id, Reason::kReleased});
  }
}

// Streams that were made before one of them turned out to be impossible; nobody knows of them.
void SinkSide::drop_unstarted(Receive& receive) {
  for (SinkStream* stream : receive.streams) remove(*stream);
  receive.streams.clear();
}

}  // namespace pegaflow::agent
