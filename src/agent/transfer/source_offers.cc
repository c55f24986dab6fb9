// SourceSide: offers and grants, from the promise to an active stream.
#include <algorithm>
#include <functional>

#include "agent/transfer/source_side.h"
#include "core/sources.h"

namespace pegaflow::agent {
namespace {

const PeerPool* peer_pool(const LinkPort& link, PoolId id) {
  const auto pools = link.peer_pools();
  const auto at = std::find_if(pools.begin(), pools.end(),
                               [id](const PeerPool& pool) { return pool.id == id; });
  return at == pools.end() ? nullptr : &*at;
}

// Why what the consumer expects of the offer is not what it is; kNone: it is.
Reason content_of(const Offer& offer, std::uint32_t n_tokens, const ContentHash& content) {
  return offer.n_tokens == n_tokens && offer.content == content ? Reason::kNone : Reason::kContent;
}

bool asks_for(const OfferId& id, const wire::Intend& intend) {
  return intend.key == id.key && intend.source_pool == id.pool;
}

bool waits_for(const OfferId& id, const SourceStream& stream) {
  return stream.state == core::SourceState::kWaitOffer && stream.offer() == id;
}

}  // namespace

const LocalPool* SourceSide::pool(PoolId id, ClientPort*& owner) const {
  for (ClientPort* client : clients_) {
    for (const LocalPool& local : client->pools()) {
      if (local.id != id) continue;
      owner = client;
      return &local;
    }
  }
  return nullptr;
}

void SourceSide::on_offer(ClientPort& client, const wire::RingOffer& message) {
  const TimePoint now = context_.now();
  Offer offer;
  offer.id = {message.key, message.pool};
  offer.client = &client;
  offer.n_tokens = message.n_tokens;
  offer.content = message.content;
  offer.lease = message.lease_ms == 0 ? context_.config.deadlines.lease : Millis(message.lease_ms);
  const auto pools = client.pools();
  const bool mine = std::any_of(pools.begin(), pools.end(),
                                [&](const LocalPool& pool) { return pool.id == message.pool; });
  const auto result = [&](EventKind kind, Reason reason, const std::string& detail) {
    client.send(wire::RingResult{kind, reason, message.key, 0, 0, 0, detail.substr(0, 255)});
  };
  if (!mine)
    return result(EventKind::kFailed, Reason::kPool, "offer names a pool not of its session");
  if (context_.draining)
    return result(EventKind::kFailed, Reason::kDraining, "the agent is draining");
  if (offers_.closed(offer.id, now)) {
    return result(EventKind::kDone, Reason::kReleased, "released before it was offered");
  }
  auto added = offers_.add(offer, now);
  if (!added.ok()) {
    const bool busy = added.error().code() == Code::kAlreadyExists;
    return result(EventKind::kFailed, busy ? Reason::kBusy : Reason::kOverload,
                  added.error().message());
  }
  context_.probe.offers(static_cast<std::int64_t>(offers_.size()));
  answer_waiting(**added);
  const OfferId id = offer.id;
  for (const StreamKey& key : select(std::bind_front(waits_for, id))) {
    Offer* live = offers_.find(id);
    SourceStream* stream = find(key);
    if (live != nullptr && stream != nullptr) activate(*stream, *live);
  }
}

void SourceSide::on_finish(ClientPort& client, const wire::RingFinish& message) {
  for (const LocalPool& local : client.pools()) {
    Offer* offer = offers_.find({message.key, local.id});
    if (offer == nullptr) continue;
    offer->finished = true;
    OfferBook::update_lease(*offer, context_.now());
  }
}

void SourceSide::on_withdraw(ClientPort& client, const wire::RingWithdraw& message) {
  for (const LocalPool& local : client.pools()) {
    const OfferId id{message.key, local.id};
    if (offers_.find(id) == nullptr) {
      disown(id);
      continue;
    }
    offers_.close(id, context_.now());  // first, so that the streams' ends don't report it
    const auto reads = [&id](const SourceStream& s) { return s.offer() == id; };
    abort_all(reads, Reason::kWithdrawn, true);
  }
  context_.probe.offers(static_cast<std::int64_t>(offers_.size()));
}

void SourceSide::disown(const OfferId& id) {
  offers_.close(id, context_.now());
  const auto asks = [&id](const WaitingIntent& w) { return asks_for(id, w.intend); };
  for (const WaitingIntent& waiting : intents_) {
    if (!asks(waiting)) continue;
    waiting.link->send(wire::Refuse{id.key, waiting.intend.intent, {}, Reason::kGone, {}});
  }
  std::erase_if(intents_, asks);
  abort_all(std::bind_front(waits_for, id), Reason::kGone, true);
}

void SourceSide::on_client_lost(ClientPort& client) {
  std::erase(clients_, &client);
  std::vector<OfferId> theirs;
  for (const auto& [id, offer] : offers_.all()) {
    if (offer.client == &client) theirs.push_back(id);
  }
  for (const OfferId& id : theirs) offers_.close(id, context_.now());
  const auto of_client = [&client](const SourceStream& s) { return s.client == &client; };
  for (const StreamKey& key : select(of_client)) {
    SourceStream* stream = find(key);
    if (stream == nullptr) continue;
    stream->client = nullptr;
    lose_engine(*stream);
  }
  const auto unoffered = [&](const SourceStream& s) {
    ClientPort* owner = nullptr;
    return s.state == core::SourceState::kWaitOffer && pool(s.grant.source_pool, owner) == nullptr;
  };
  abort_all(unoffered, Reason::kGone, true);
  context_.probe.offers(static_cast<std::int64_t>(offers_.size()));
}

void SourceSide::close_offer(Offer& offer, EventKind kind, Reason reason) {
  const OfferId id = offer.id;
  offer.client->send(wire::RingResult{kind, reason, id.key, 0, 0, 0, {}});
  offers_.close(id, context_.now());
  const auto reads = [&id](const SourceStream& s) {
    return s.offer() == id && s.state != core::SourceState::kSent;  // those need it no more
  };
  // An offer that ended well has no more to give: what still reads it came too late.
  abort_all(reads, reason == Reason::kNone ? Reason::kReleased : reason, true);
  context_.probe.offers(static_cast<std::int64_t>(offers_.size()));
}

Reason SourceSide::judge(LinkPort& link, const wire::Grant& grant, const PeerPool* sink) const {
  ClientPort* owner = nullptr;
  const LocalPool* source = pool(grant.source_pool, owner);
  const auto& limits = context_.config.limits;
  if (context_.draining) return Reason::kDraining;
  if (grant.reference != 0 && (owner == nullptr || owner->incarnation() != grant.reference)) {
    return Reason::kGone;
  }
  if (source == nullptr || sink == nullptr || source->shape_hash != grant.source_shape_hash ||
      sink->shape_hash != grant.sink_shape_hash) {
    return Reason::kPool;
  }
  if (source->shape.fingerprint != sink->shape.fingerprint) return Reason::kFingerprint;
  if (busy(link, grant)) return Reason::kBusy;
  if (streams_.size() >= limits.max_streams) return Reason::kOverload;
  return Reason::kNone;
}

bool SourceSide::busy(LinkPort& link, const wire::Grant& grant) const {
  return std::any_of(streams_.begin(), streams_.end(), [&](const auto& item) {
    const SourceStream& stream = *item.second;
    return stream.link == &link && stream.grant.key == grant.key &&
           stream.grant.sink_pool == grant.sink_pool &&
           stream.grant.source_pool == grant.source_pool &&
           stream.state != core::SourceState::kEnding;
  });
}

void SourceSide::refuse(LinkPort& link, const wire::Grant& grant, Reason reason) {
  wire::Refuse message{grant.key, 0, grant.stream, reason, {}};
  for (const wire::RemoteSlot& slot : grant.eager) message.unspent.push_back(slot);
  link.send(message);
}

void SourceSide::on_grant(LinkPort& link, const wire::Grant& grant) {
  if (streams_.contains(grant.stream)) return;
  const PeerPool* sink = peer_pool(link, grant.sink_pool);
  Reason reason = judge(link, grant, sink);
  if (reason == Reason::kNone && offers_.closed({grant.key, grant.source_pool}, context_.now())) {
    reason = Reason::kReleased;
  }
  if (reason != Reason::kNone) return refuse(link, grant, reason);

  ClientPort* owner = nullptr;
  const LocalPool* source = pool(grant.source_pool, owner);
  std::vector<core::TokenRange> tokens;
  for (const wire::TokenSpan& span : grant.tokens) tokens.push_back({span.begin, span.end});
  auto plan = core::plan_stream(source->shape, sink->shape, tokens, grant.chunk_bytes);
  RegionSlots* region = context_.region_for(source->shape);
  const auto path = link.path_for(*source);
  if (!path) return refuse(link, grant, Reason::kTransport);
  if (!plan.ok() || plan->hash != grant.plan_hash || region == nullptr ||
      grant.consumers != core::consumers(source->shape, sink->shape)) {
    return refuse(link, grant, Reason::kPlan);
  }

  auto stream = std::make_unique<SourceStream>();
  stream->key = grant.stream;
  stream->serial = next_serial_++;
  stream->grant = grant;
  stream->consumer = {sink->instance, sink->shape.rank};
  stream->link = &link;
  stream->path = *path;
  stream->probe = context_.links.at(link.id()).probe;
  stream->region = region;
  stream->plan = std::move(*plan);
  stream->granted = context_.now();
  stream->want_dirty = true;
  stream->gathered.reset(stream->plan.n_chunks);
  stream->credits.reserve(link.window() + wire::kMaxSlotsPerMessage);
  stream->loaned.reserve(region->table().size());
  stream->waiting.reserve(region->table().size());
  SourceStream& added = *stream;
  by_serial_.emplace(added.serial, &added);
  streams_.emplace(added.key, std::move(stream));
  added.probe->stream_started();
  if (Offer* offer = offers_.find(added.offer()); offer != nullptr) {
    activate(added, *offer);
  } else {
    send_want(added);
  }
}

void SourceSide::activate(SourceStream& stream, Offer& offer) {
  const wire::Grant& grant = stream.grant;
  Reason reason = content_of(offer, grant.n_tokens, grant.content);
  if (offer.sent()) reason = Reason::kReleased;
  if (offer.consumers != 0 && offer.consumers != grant.consumers) reason = Reason::kPlan;
  if (reason != Reason::kNone) {
    refuse(*stream.link, grant, reason);
    return remove(stream);
  }
  offer.consumers = grant.consumers;
  stream.client = offer.client;
  stream.state = *core::next(stream.state, core::SourceEvent::kOffered);
  ++offer.live_streams;
  OfferBook::update_lease(offer, context_.now());
  const PeerPool* sink = peer_pool(*stream.link, grant.sink_pool);
  stream.client->announce(*sink);
  stream.client->send(wire::RingStream{grant.stream, wire::StreamRole::kSource, grant.key, 0,
                                       grant.source_pool, sink->visible, grant.chunk_bytes,
                                       stream.plan.hash, grant.consumers, stream.link->integrity(),
                                       grant.trace_id, grant.tokens});
  stream.want_dirty = true;
  send_want(stream);
  for (const wire::RemoteSlot& slot : grant.eager) {
    if (!forward_credit(stream, slot)) return;
  }
  pump(stream);
}

void SourceSide::answer(const WaitingIntent& waiting, const Offer& offer) {
  const wire::Intend& intend = waiting.intend;
  const Reason reason = content_of(offer, intend.n_tokens, intend.content);
  if (reason != Reason::kNone) {
    waiting.link->send(wire::Refuse{intend.key, intend.intent, {}, reason, {}});
    return;
  }
  const auto lease = std::chrono::duration_cast<Millis>(offer.lease).count();
  waiting.link->send(
      wire::Offered{intend.key, intend.intent, offer.n_tokens, static_cast<std::uint32_t>(lease)});
}

void SourceSide::answer_waiting(const Offer& offer) {
  const auto fits = [&offer](const WaitingIntent& w) { return asks_for(offer.id, w.intend); };
  for (const WaitingIntent& waiting : intents_) {
    if (fits(waiting)) answer(waiting, offer);
  }
  std::erase_if(intents_, fits);
}

void SourceSide::on_intend(LinkPort& link, const wire::Intend& intend) {
  const TimePoint now = context_.now();
  const auto refused = [&](Reason reason) {
    link.send(wire::Refuse{intend.key, intend.intent, {}, reason, {}});
  };
  ClientPort* owner = nullptr;
  const LocalPool* source = pool(intend.source_pool, owner);
  if (context_.draining) return refused(Reason::kDraining);
  if (intend.reference != 0 && (owner == nullptr || owner->incarnation() != intend.reference)) {
    return refused(Reason::kGone);
  }
  if (source == nullptr) return refused(Reason::kPool);
  if (source->shape.fingerprint != intend.fingerprint) return refused(Reason::kFingerprint);
  const OfferId id{intend.key, intend.source_pool};
  if (offers_.closed(id, now)) return refused(Reason::kReleased);
  const WaitingIntent waiting{&link, intend, now + context_.config.deadlines.offer_wait};
  if (Offer* offer = offers_.find(id); offer != nullptr) {
    OfferBook::renew_lease(*offer, now);
    return answer(waiting, *offer);
  }
  if (intents_.size() >= context_.config.limits.max_intents) return refused(Reason::kOverload);
  std::erase_if(intents_, [&](const WaitingIntent& w) {
    return w.link == &link && w.intend.intent == intend.intent &&
           w.intend.source_pool == intend.source_pool;  // a repeat replaces it
  });
  intents_.push_back(waiting);
}

void SourceSide::on_release(LinkPort& link, const wire::Release& release) {
  const OfferId id{release.key, release.source_pool};
  ClientPort* owner = nullptr;
  if (pool(release.source_pool, owner) == nullptr) return;
  if (release.reference != 0 && owner->incarnation() != release.reference) return;
  std::erase_if(intents_, [&](const WaitingIntent& w) {
    return w.link == &link && w.intend.key == release.key;
  });
  if (Offer* offer = offers_.find(id); offer != nullptr) {
    close_offer(*offer, EventKind::kDone, Reason::kReleased);
  } else {
    offers_.close(id, context_.now());
  }
}

}  // namespace pegaflow::agent
