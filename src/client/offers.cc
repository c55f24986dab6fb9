// SourceBook, the engine's side: offers, their tables, and what is ready.
#include <algorithm>
#include <string>
#include <utility>

#include "client/limits.h"
#include "client/source_book.h"
#include "core/plan.h"

namespace pegaflow::client {
namespace {

// kSent and the terminal one.
constexpr std::size_t kEventsPerOffer = 2;

Error no_offer(const Key& key) {
  return {Code::kNotFound, "no live offer " + key.to_hex() + " (never made, or ended)"};
}

Status check_group(const Offer& offer, std::uint32_t group) {
  if (group < offer.tables.size()) return {};
  return Error{Code::kInvalidArgument, "group " + std::to_string(group) + ", the pool has " +
                                           std::to_string(offer.tables.size())};
}

}  // namespace

Offer::Offer(const Key& offer_key, const LocalPool& of_pool, std::uint32_t tokens)
    : key(offer_key),
      pool(&of_pool),
      ready(of_pool.n_layers, tokens),
      announced(of_pool.n_layers, tokens) {
  for (std::size_t i = 0; i < of_pool.layout.groups.size(); ++i) {
    tables.emplace_back(tokens, of_pool.layout.shape.groups[i].block_tokens,
                        of_pool.layout.groups[i].n_blocks);
  }
}

SourceBook::SourceBook(Outbox& outbox, EventQueue& events, std::uint32_t max_offers,
                       std::uint64_t burst_bytes)
    : outbox_(outbox),
      events_(events),
      max_offers_(max_offers),
      burst_bytes_(burst_bytes),
      marks_(kMaxReadyMarks) {
  just_ended_.reserve(kJustEnded);
}

Status SourceBook::offer(const OfferSpec& spec, const LocalPool& pool) {
  if (spec.key.space != KeySpace::kTransfer) {
    return Error{Code::kUnsupported, "offer: only transfer keys are supported"};
  }
  if (spec.n_tokens == 0 || spec.n_tokens > core::kMaxTokens) {
    return Error{Code::kInvalidArgument, "offer: n_tokens is " + std::to_string(spec.n_tokens) +
                                             ", expected 1 … " + std::to_string(core::kMaxTokens)};
  }
  if (live(spec.key)) {
    return Error{Code::kAlreadyExists, "offer " + spec.key.to_hex() + " is live already"};
  }
  if (offers_.size() >= max_offers_) {
    return Error{Code::kResourceExhausted, std::to_string(max_offers_) + " offers are live"};
  }
  if (!events_.reserve(kEventsPerOffer)) {
    return Error{Code::kResourceExhausted, "too many unread events; poll() first"};
  }
  offers_.emplace(spec.key, std::make_unique<Offer>(spec.key, pool, spec.n_tokens));
  outbox_.post(wire::RingOffer{spec.key, pool.id, spec.n_tokens, spec.content,
                               static_cast<std::uint32_t>(spec.lease.count())});
  return {};
}

Result<Offer*> SourceBook::find(const Key& key) {
  const auto found = offers_.find(key);
  if (found == offers_.end() || found->second->end) return no_offer(key);
  return found->second.get();
}

Status SourceBook::extend_table(const Key& key, std::uint32_t group, std::uint32_t first,
                                std::span<const std::uint32_t> ids, std::uint64_t now_ns) {
  PEGAFLOW_ASSIGN(Offer * offer, find(key));
  PEGAFLOW_TRY(check_group(*offer, group));
  PEGAFLOW_TRY(offer->tables[group].extend(first, ids));
  touch(*offer, now_ns);
  return {};
}

Status SourceBook::replace_table(const Key& key, std::uint32_t group, std::uint32_t first,
                                 std::span<const std::uint32_t> ids, std::uint64_t now_ns) {
  PEGAFLOW_ASSIGN(Offer * offer, find(key));
  PEGAFLOW_TRY(check_group(*offer, group));
  PEGAFLOW_ASSIGN(std::vector<std::uint32_t> before, offer->tables[group].replace(first, ids));
  if (offer->copies != 0) offer->old_tables.push_back(std::move(before));
  offer->marked_ns = now_ns;
  // At once, not by the mover: nothing may be claimed on what the old table covered.
  for (SourceStream* stream : offer->streams) refresh_stream(*stream);
  return {};
}

Status SourceBook::mark_cached(const Key& key, std::uint32_t end, std::uint64_t now_ns,
                               memory::Mark& mark) {
  PEGAFLOW_ASSIGN(Offer * offer, find(key));
  if (end > offer->ready.n_tokens()) {
    return Error{Code::kInvalidArgument, "mark cached: " + std::to_string(end) + " tokens of " +
                                             std::to_string(offer->ready.n_tokens())};
  }
  PEGAFLOW_TRY(check_room(must_queue(*offer, mark)));
  offer->announced.mark_all(end);
  mark_offer({.offer = offer, .tokens = {0, end}, .all_layers = true}, now_ns, mark);
  return {};
}

Status SourceBook::mark_ready(const Key& key, std::uint32_t group, LayerRange layers,
                              TokenInterval tokens, std::uint64_t now_ns, memory::Mark& mark) {
  PEGAFLOW_ASSIGN(Offer * offer, find(key));
  PEGAFLOW_TRY(check_room(must_queue(*offer, mark)));
  PEGAFLOW_TRY(offer->announced.mark(group, layers, tokens));
  mark_offer({.offer = offer, .tokens = tokens, .group = group, .layers = layers}, now_ns, mark);
  return {};
}

void SourceBook::touch(Offer& offer, std::uint64_t now_ns) {
  offer.marked_ns = now_ns;
  if (!offer.streams.empty()) dirty_.add(offer);  // a stream looks for itself when it begins
}

Status SourceBook::begin_step(std::span<const StepSpan> spans) {
  if (steps_.open() != nullptr) {
    return Error{Code::kFailedPrecondition, "begin step: the last one did not end"};
  }
  if (spans.size() > kMaxStepSpans) {
    return Error{Code::kInvalidArgument, "begin step: " + std::to_string(spans.size()) +
                                             " spans, at most " + std::to_string(kMaxStepSpans)};
  }
  Step& step = steps_.begin();
  for (const StepSpan& span : spans) {
    const auto offer = find(span.key);
    if (!offer.ok()) continue;  // ended meanwhile: its event tells
    const ReadyMap& ready = (*offer)->announced;
    if (span.tokens.begin > ready.ready_end() || span.tokens.end < span.tokens.begin ||
        span.tokens.end > ready.n_tokens()) {
      steps_.end();
      return Error{Code::kInvalidArgument,
                   "begin step: tokens [" + std::to_string(span.tokens.begin) + ", " +
                       std::to_string(span.tokens.end) + ") of " + span.key.to_hex() + ", of " +
                       std::to_string(ready.n_tokens()) + " tokens [0, " +
                       std::to_string(ready.ready_end()) + ") are ready in all layers"};
    }
    step.entries.push_back({*offer, span.tokens});
  }
  return {};
}

Status SourceBook::check_step(std::uint32_t group, std::uint32_t layer) const {
  if (steps_.open() == nullptr) {
    return Error{Code::kFailedPrecondition, "layer done: no step was begun"};
  }
  for (const StepEntry& entry : steps_.open()->entries) {
    const ReadyMap& ready = entry.offer->ready;
    if (group >= ready.groups() || layer >= ready.layers(group)) {
      return Error{Code::kInvalidArgument, "layer done: no layer " + std::to_string(layer) +
                                               " in group " + std::to_string(group)};
    }
  }
  return {};
}

Status SourceBook::layer_done(std::uint32_t group, std::uint32_t layer, std::uint64_t now_ns,
                              memory::Mark& mark) {
  PEGAFLOW_TRY(check_step(group, layer));
  if (marks_.room() <= kReservedReadyMarks) return {};
  mark_step({.step = steps_.open(), .group = group, .layers = {layer, layer + 1}}, now_ns, mark);
  return {};
}

Status SourceBook::end_step(std::uint64_t now_ns, memory::Mark& mark) {
  if (steps_.open() == nullptr) {
    return Error{Code::kFailedPrecondition, "end step: no step was begun"};
  }
  PEGAFLOW_TRY(check_room(must_queue(*steps_.open(), mark)));
  mark_step({.step = steps_.open(), .all_layers = true}, now_ns, mark);
  steps_.end();
  return {};
}

Status SourceBook::rewind(const Key& key, std::uint32_t token, std::uint64_t now_ns) {
  PEGAFLOW_ASSIGN(Offer * offer, find(key));
  offer->announced.rewind(token);
  cut_marks(*offer, token);
  if (!offer->ready.rewind(token)) return {};
  offer->marked_ns = now_ns;
  for (SourceStream* stream : offer->streams) refresh_stream(*stream);
  return {};
}

Status SourceBook::withdraw(const Key& key, Reason reason) {
  PEGAFLOW_ASSIGN(Offer * offer, find(key));
  outbox_.post(wire::RingWithdraw{key, reason});
  end(*offer, EventKind::kWithdrawn, reason, {});
  return {};
}

Status SourceBook::disown(const Key& key) {
  if (offers_.contains(key)) {
    return Error{Code::kFailedPrecondition, "disown: the key is offered: withdraw it"};
  }
  outbox_.post(wire::RingWithdraw{key, Reason::kGone});
  return {};
}

Status SourceBook::finish(const Key& key) {
  const auto offer = find(key);
  if (!offer.ok()) {
    const bool ended = std::find(just_ended_.begin(), just_ended_.end(), key) != just_ended_.end();
    return ended ? Status() : Status(offer.error());
  }
  if (!std::exchange((*offer)->finished, true)) outbox_.post_unhurried(wire::RingFinish{key});
  return {};
}

std::optional<std::uint64_t> SourceBook::fence_point(const Key& key) const {
  const auto found = offers_.find(key);
  if (found == offers_.end() || found->second->copies == 0) return std::nullopt;
  return started_copies_;
}

bool SourceBook::copies_ended(std::uint64_t up_to) const {
  return std::none_of(running_copies_.begin(), running_copies_.end(),
                      [up_to](std::uint64_t number) { return number <= up_to; });
}

// The first terminal transition wins. The event waits for running copies, because the engine may
// reuse the blocks when it sees it.
void SourceBook::end(Offer& offer, EventKind kind, Reason reason, std::string detail) {
  if (offer.end) return;
  Event event;
  event.kind = kind;
  event.key = offer.key;
  event.reason = reason;
  event.detail = std::move(detail);
  if (event.detail.empty() && kind == EventKind::kFailed) event.detail = offer.trouble;
  offer.end = std::move(event);
  settle(offer);
}

// Reports the end and forgets the offer once no copy of it runs.
void SourceBook::settle(Offer& offer) {
  if (!offer.end || offer.copies != 0) return;
  while (!offer.streams.empty()) erase_stream(*offer.streams.back());
  if (!offer.sent) events_.release(1);
  events_.push(std::move(*offer.end));
  steps_.forget(offer);
  marks_.for_each([&offer](ReadyEffect& effect) {
    if (effect.offer == &offer) effect.offer = nullptr;
  });
  if (just_ended_.size() < kJustEnded) {
    just_ended_.push_back(offer.key);
  } else {
    just_ended_[next_ended_] = offer.key;
    next_ended_ = (next_ended_ + 1) % kJustEnded;
  }
  offers_.erase(Key(offer.key));
}

void SourceBook::end_all(const std::string& why) {
  while (!offers_.empty()) {
    Offer& offer = *offers_.begin()->second;
    end(offer, offer.sent ? EventKind::kUnconfirmed : EventKind::kFailed, Reason::kAgentLost, why);
  }
}

}  // namespace pegaflow::client
