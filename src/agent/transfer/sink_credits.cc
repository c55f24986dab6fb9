// SinkSide: slots lent to streams, and the states and timers that follow from their counts.
#include <algorithm>
#include <utility>

#include "agent/transfer/sink_side.h"
#include "base/check.h"

namespace pegaflow::agent {

std::optional<LentSlot> SinkSide::lend(SinkStream& stream) {
  const auto loan = stream.region->table().loan(stream.writer, stream.serial);
  if (!loan) return {};
  stream.lent.push_back({loan->slot, loan->generation});
  set_polled(stream);
  return stream.lent.back();
}

void SinkSide::set_polled(SinkStream& stream) {
  if (!stream.mapped()) return;
  const auto at = std::find(polled_.begin(), polled_.end(), &stream);
  if (stream.lent.empty() && at != polled_.end()) {
    *at = polled_.back();
    polled_.pop_back();
  } else if (!stream.lent.empty() && at == polled_.end()) {
    polled_.push_back(&stream);
  }
}

void SinkSide::distribute(RegionSlots& region) {
  const std::size_t base = region.index() * context_.config.limits.max_streams;
  touched_.clear();
  while (region.lendable() > 0 && !touched_.full()) {
    const auto next = region.credits().next();
    if (!next) break;
    SinkStream* stream = by_credit_[base + *next];
    PEGAFLOW_CHECK(lend(*stream).has_value());
    if (std::find(touched_.begin(), touched_.end(), stream) == touched_.end()) {
      touched_.push_back(stream);
    }
  }
  for (SinkStream* stream : touched_) {
    update_timers(*stream);
    send_credits(*stream);
  }
  if (touched_.full()) return distribute(region);
  if (region.lendable() == 0 && region.credits().starving()) {
    region.starved();
    recall_eager(region);
  }
}

void SinkSide::lend_starved() {
  for (const auto& region : context_.regions) {
    if (region->lendable() > 0 && region->was_starved()) distribute(*region);
  }
}

// Before the source can use them.
void SinkSide::show_lent(SinkStream& stream) {
  if (!stream.shows_lent || stream.receive == nullptr) return;
  ClientPort& client = *stream.receive->client;
  const auto region = client.own_region(stream.region->index());
  if (!region) return;
  wire::RingLent message{stream.key, stream.writer, {}};
  for (LentSlot& lent : stream.lent) {
    if (std::exchange(lent.shown, true)) continue;
    message.slots.push_back({*region, lent.slot, lent.generation});
    if (!message.slots.full()) continue;
    client.send(message);
    message.slots.clear();
  }
  if (!message.slots.empty()) client.send(message);
}

void SinkSide::send_credits(SinkStream& stream) {
  show_lent(stream);
  if (!stream.link->window_open()) return;
  wire::Credit message{stream.key, {}};
  for (LentSlot& lent : stream.lent) {
    if (lent.told) continue;
    if (message.slots.full()) {
      stream.link->send(message);
      message.slots.clear();
      if (!stream.link->window_open()) return;
    }
    lent.told = true;
    message.slots.push_back({stream.region->index(), lent.slot, lent.generation});
  }
  if (!message.slots.empty()) stream.link->send(message);
}

// While nobody else wants them, slots wait at the source for what it will have ready next: then
// nothing has to travel before the bytes do.
void SinkSide::lend_ahead(SinkStream& stream) {
  RegionSlots& region = *stream.region;
  while (stream.offered && region.lendable() > 0 && !region.credits().starving() &&
         region.credits().take_eager(stream.credit)) {
    PEGAFLOW_CHECK(lend(stream).has_value());
  }
}

void SinkSide::on_link_writable(LinkPort& link) {
  for (const auto& [key, stream] : streams_) {
    if (stream->link == &link && stream->receive != nullptr) send_credits(*stream);
  }
}

// A stream with ready data finds no slot while others hold some for data that isn't ready.
void SinkSide::recall_eager(RegionSlots& region) {
  std::vector<SinkStream*> holders;
  for (const auto& [key, stream] : streams_) {
    if (stream->receive != nullptr && stream->region == &region && !stream->lent.empty() &&
        region.credits().eager(stream->credit) != 0) {
      holders.push_back(stream.get());
    }
  }
  bool won = false;
  for (SinkStream* stream : holders) won = recall_eager_of(*stream) || won;
  if (won) distribute(region);
}

// True if a slot came back at once.
bool SinkSide::recall_eager_of(SinkStream& stream) {
  RegionSlots& region = *stream.region;
  const bool direct = stream.link->engine_writes(stream.source_pool);
  bool won = false;
  std::uint32_t spare = region.credits().eager(stream.credit);
  for (std::size_t i = stream.lent.size(); i-- > 0 && spare > 0;) {
    LentSlot& lent = stream.lent[i];
    if (!direct) {
      // Its agent is asked, even where a compare-and-swap could take the slot: the chunk may lie
      // in a slot of its own by now, and would block that until it has a credit again.
      --spare;
      if (std::exchange(lent.revoking, true)) continue;
      stream.link->send(wire::Revoke{stream.key, {region.index(), lent.slot, lent.generation}});
      continue;
    }
    if (!region.table().take_back(lent.slot)) continue;  // it is being filled
    --spare;
    won = true;
    lent = stream.lent.back();
    stream.lent.pop_back();
    region.credits().returned(stream.credit);
  }
  set_polled(stream);
  return won;
}

void SinkSide::on_return(LinkPort& link, const wire::Return& message) {
  SinkStream* stream = on(link, message.stream);
  if (stream == nullptr) return;
  RegionSlots& region = *stream->region;
  for (const wire::RemoteSlot& slot : message.slots) {
    const auto at =
        std::find_if(stream->lent.begin(), stream->lent.end(),
                     [&slot](const LentSlot& lent) { return lent.is(slot.slot, slot.generation); });
    if (at != stream->lent.end() && slot.region == region.index()) {
      give_back(*stream, static_cast<std::size_t>(at - stream->lent.begin()));
    }
  }
  if (stream->receive != nullptr) {
    update(*stream);
  } else {
    try_proven(*stream);
  }
  distribute(region);
}

void SinkSide::update(SinkStream& stream) {
  if (stream.offered && stream.scattered.complete()) return verified(stream);
  core::Credits& credits = stream.region->credits();
  if (stream.offered) {
    const bool owed = credits.ready(stream.credit) > credits.received(stream.credit);
    const auto event = owed ? core::SinkEvent::kOwed : core::SinkEvent::kNothingOwed;
    stream.state = *core::next(stream.state, event);
  }
  lend_ahead(stream);
  update_timers(stream);
  send_credits(stream);
}

void SinkSide::update_timers(SinkStream& stream) {
  const core::Credits& credits = stream.region->credits();
  const TimePoint now = context_.now();
  const auto run = [now](std::optional<TimePoint>& deadline, bool runs, Nanos limit) {
    if (!runs) {
      deadline.reset();
    } else if (!deadline) {
      deadline = now + limit;
    }
  };
  const std::uint32_t asked_ms = stream.receive->request.compute_ms;
  const Nanos compute = asked_ms == 0 ? context_.config.deadlines.compute : Millis(asked_ms);
  const bool computing = stream.offered && !stream.arrived.complete() &&
                         credits.ready(stream.credit) <= credits.received(stream.credit);
  run(stream.compute_deadline, computing && compute > Nanos{}, compute);
  run(stream.progress_deadline, credits.owed(stream.credit) > 0,
      context_.config.deadlines.progress);
}

}  // namespace pegaflow::agent
