#include "agent/transfer/source_side.h"

#include <algorithm>

#include "base/check.h"

namespace pegaflow::agent {
namespace {

std::size_t all_slots(const TransferContext& context) {
  std::size_t slots = 1;
  for (const auto& region : context.regions) slots += region->table().size();
  return slots;
}

}  // namespace

SourceSide::SourceSide(TransferContext& context)
    : context_(context),
      offers_(context.config.limits.max_offers, context.config.limits.max_tombstones,
              context.config.deadlines.tombstone),
      outbox_(all_slots(context)) {}

SourceStream* SourceSide::active_of(ClientPort& client, const StreamKey& key) {
  const auto at = streams_.find(key);
  if (at == streams_.end() || at->second->client != &client) return nullptr;
  const auto state = at->second->state;
  return state == core::SourceState::kActive || state == core::SourceState::kSent ? at->second.get()
                                                                                  : nullptr;
}

SourceStream* SourceSide::on(LinkPort& link, const StreamKey& key) {
  const auto at = streams_.find(key);
  return at == streams_.end() || at->second->link != &link ? nullptr : at->second.get();
}

SourceStream* SourceSide::find(const StreamKey& key) const {
  const auto at = streams_.find(key);
  return at == streams_.end() ? nullptr : at->second.get();
}

void SourceSide::on_ready(ClientPort& client, const StreamKey& key, std::uint32_t ready) {
  SourceStream* stream = active_of(client, key);
  if (stream == nullptr) return;
  stream->ready = std::min(ready, stream->plan.n_chunks);
  stream->want_dirty = true;
  send_want(*stream);
  pump(*stream);
}

void SourceSide::send_want(SourceStream& stream) {
  if (!stream.want_dirty || !stream.link->window_open()) return;
  const bool offered = stream.state != core::SourceState::kWaitOffer;
  stream.link->send(wire::Want{stream.key, offered, stream.ready, stream.plan.n_chunks});
  stream.want_dirty = false;
}

void SourceSide::on_link_writable(LinkPort& link) {
  for (const auto& [key, stream] : streams_) {
    if (stream->link == &link) send_want(*stream);
  }
}

void SourceSide::on_left(ClientPort& client, const StreamKey& key) {
  SourceStream* stream = active_of(client, key);
  if (stream != nullptr) mark_left(*stream);
}

// Answers our RingStop, when the stream is gone already; otherwise the client could not follow.
void SourceSide::on_stopped(ClientPort& client, const wire::RingStopped& message) {
  SourceStream* stream = active_of(client, message.stream);
  if (stream != nullptr) abort(*stream, Reason::kPlan, true);
}

void SourceSide::mark_left(SourceStream& stream) {
  const auto to = core::next(stream.state, core::SourceEvent::kLeft);
  if (!to) return;
  stream.state = *to;
  Offer* offer = offers_.find(stream.offer());
  if (offer == nullptr) return;
  if (std::find(offer->left.begin(), offer->left.end(), stream.consumer) == offer->left.end()) {
    offer->left.push_back(stream.consumer);
  }
}

void SourceSide::on_done(LinkPort& link, const wire::Done& done) {
  SourceStream* stream = on(link, done.stream);
  if (stream == nullptr) return;
  const auto to = core::next(stream->state, core::SourceEvent::kDone);
  if (!to) return;
  stream->state = *to;
  stream->probe->stream_ended(metrics::Outcome::kDone, 0);
  Offer* offer = offers_.find(stream->offer());
  if (offer != nullptr) {
    const Consumer consumer = stream->consumer;
    for (std::vector<Consumer>* list : {&offer->left, &offer->done}) {
      std::erase(*list, consumer);
      list->push_back(consumer);
    }
  }
  detach(*stream);
  remove(*stream);
  if (offer != nullptr && offer->confirmed()) close_offer(*offer, EventKind::kDone, Reason::kNone);
}

void SourceSide::on_abort(LinkPort& link, const wire::Abort& message) {
  SourceStream* stream = on(link, message.stream);
  if (stream != nullptr) {
    abort(*stream, message.reason, false);
    return;
  }
  // Unknown here, so no write of it can follow: say so, the peer may hold slots back for it.
  link.send(wire::Quiesced{message.stream, {}});
}

void SourceSide::abort(SourceStream& stream, Reason reason, bool tell) {
  const auto to = core::next(stream.state, core::SourceEvent::kAbort);
  if (!to) return;
  stream.state = *to;
  stream.probe->stream_ended(metrics::Outcome::kFailed, static_cast<std::uint8_t>(reason));
  if (tell) stream.link->send(wire::Abort{stream.key, reason});
  if (stream.client != nullptr) stream.client->send(wire::RingStop{stream.key, reason});
  take_back(stream);
  for (const Outbound& out : stream.waiting) stream.region->table().release(out.own.slot);
  stream.waiting.clear();

  Offer* offer = offers_.find(stream.offer());
  detach(stream);
  if (offer != nullptr && offer->sent()) {
    close_offer(*offer, EventKind::kFailed, reason);
  } else if (offer != nullptr) {
    std::erase(offer->left, stream.consumer);  // the next attempt reads it again
  }
  try_drained(stream);
}

void SourceSide::try_drained(SourceStream& stream) {
  if (stream.state != core::SourceState::kEnding || stream.in_flight != 0) return;
  stream.state = *core::next(stream.state, core::SourceEvent::kDrained);
  if (!stream.direct() && context_.links.contains(stream.link->id())) {
    wire::Quiesced quiesced{stream.key, {}};
    for (const wire::RemoteSlot& slot : stream.credits) {
      if (!quiesced.unspent.full()) quiesced.unspent.push_back(slot);
    }
    stream.link->send(quiesced);
  }
  remove(stream);
}

void SourceSide::detach(SourceStream& stream) {
  Offer* offer = offers_.find(stream.offer());
  if (offer == nullptr || stream.client == nullptr) return;
  if (offer->live_streams > 0) --offer->live_streams;
  OfferBook::update_lease(*offer, context_.now());
}

void SourceSide::remove(SourceStream& stream) {
  take_back(stream);  // a confirmed stream may still lend an eager credit's slot
  for (const Outbound& out : stream.waiting) stream.region->table().release(out.own.slot);
  by_serial_.erase(stream.serial);
  streams_.erase(StreamKey(stream.key));
}

void SourceSide::on_link_down(LinkPort& link) {
  // Its worker is destroyed: what it had not flushed is not read any more.
  if (link.path() == DataPath::kUcx) {
    for (const Batch& batch : outbox_.take_all(link.id())) finish_batch(batch, false, {});
  }
  std::erase_if(intents_, [&link](const WaitingIntent& w) { return w.link == &link; });
  const auto of_link = [&link](const SourceStream& s) { return s.link == &link; };
  for (const StreamKey& key : select(of_link)) {
    const SourceStream* stream = find(key);
    if (stream == nullptr || stream->state != core::SourceState::kSent) continue;
    Offer* offer = offers_.find(stream->offer());
    if (offer == nullptr || !offer->sent()) continue;
    close_offer(*offer, EventKind::kUnconfirmed, Reason::kLinkLost);
  }
  abort_all(of_link, Reason::kLinkLost, false);
}

void SourceSide::on_peer_pool_gone(LinkPort& link, PoolId pool) {
  const auto of_pool = [&](const SourceStream& s) {
    return s.link == &link && s.grant.sink_pool == pool;
  };
  abort_all(of_pool, Reason::kEngineLost, false);
}

void SourceSide::on_writer_gone(WriterId writer) {
  const auto of_writer = [writer](const SourceStream& s) {
    return s.client != nullptr && s.client->writer() == writer;
  };
  for (const StreamKey& key : select(of_writer)) {
    if (SourceStream* stream = find(key); stream != nullptr) lose_engine(*stream);
  }
}

void SourceSide::on_client_stalled(ClientPort& client) {
  const auto of_client = [&client](const SourceStream& s) { return s.client == &client; };
  for (const StreamKey& key : select(of_client)) {
    if (SourceStream* stream = find(key); stream != nullptr) lose_engine(*stream);
  }
}

void SourceSide::lose_engine(SourceStream& stream) {
  if (stream.state == core::SourceState::kSent) return take_back(stream);
  abort(stream, Reason::kEngineLost, true);
}

// By compare-and-swap.
void SourceSide::take_back(SourceStream& stream) {
  for (const OwnSlot& own : stream.loaned) {
    stream.region->table().revoke(own.slot, context_.now());
  }
  stream.loaned.clear();
}

void SourceSide::on_time(TimePoint now) {
  for (const LinkId id : outbox_.overdue(now, context_.config.deadlines.flush)) {
    const auto at = context_.links.find(id);
    if (at == context_.links.end()) continue;
    at->second.probe->deadline_hit(metrics::Timer::kFlush);
    at->second.port->reset(Error(Code::kDeadlineExceeded, "a flush did not complete in time"));
  }
  std::vector<Offer*> expired;
  for (auto& [id, offer] : offers_.all()) {
    if (offer.lease_ends && *offer.lease_ends <= now) expired.push_back(&offer);
  }
  for (Offer* offer : expired) {
    context_.probe.deadline_hit(metrics::Timer::kLease);
    close_offer(*offer, EventKind::kExpired, Reason::kExpired);
  }
  for (const WaitingIntent& waiting : intents_) {
    if (waiting.deadline > now) continue;
    waiting.link->send(
        wire::Refuse{waiting.intend.key, waiting.intend.intent, {}, Reason::kOfferTimeout, {}});
  }
  std::erase_if(intents_, [now](const WaitingIntent& w) { return w.deadline <= now; });
}

std::optional<TimePoint> SourceSide::next_deadline() const {
  std::optional<TimePoint> next = outbox_.next_overdue(context_.config.deadlines.flush);
  for (const auto& [id, offer] : offers_.all()) take_earlier(next, offer.lease_ends);
  for (const WaitingIntent& waiting : intents_) take_earlier(next, waiting.deadline);
  return next;
}

void SourceSide::on_gap(Nanos gap) {
  outbox_.extend(gap);
  for (auto& [id, offer] : offers_.all()) {
    if (offer.lease_ends) *offer.lease_ends += gap;
  }
  for (WaitingIntent& waiting : intents_) waiting.deadline += gap;
}

void SourceSide::describe(std::vector<TransferInfo>& out, TimePoint now) const {
  for (const auto& [key, stream] : streams_) {
    out.push_back({key, stream->grant.key, true, stream->link->peer(),
                   std::string(core::to_string(stream->state)), stream->gathered.count(),
                   stream->plan.n_chunks, now - stream->granted});
  }
}

}  // namespace pegaflow::agent
