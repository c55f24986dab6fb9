#include "pegaflow-demo/engine_p.h"

#include <algorithm>
#include <span>

namespace pegaflow::demo {
namespace {

std::uint32_t blocks_for(std::uint32_t tokens, std::uint32_t block_tokens) {
  return (tokens + block_tokens - 1) / block_tokens;
}

// The offer ended already, as it does at a rank whose heads nobody reads. Its event says so; the KV
// is computed all the same.
bool only_ended(const Status& status) {
  return !status.ok() && status.error().code() == Code::kNotFound;
}

}  // namespace

ProducerEngine::ProducerEngine(const EngineSetup& setup, Session& session, KvPool& pool,
                               PoolHandle handle, ReportSink report)
    : setup_(setup),
      session_(session),
      pool_(pool),
      handle_(handle),
      report_(std::move(report)),
      blocks_(setup.pool.n_blocks, setup.seed) {}

void ProducerEngine::submit(const Submit& submit) { queue_.push_back(submit); }

void ProducerEngine::abandon(const Abandon& abandon) {
  const auto queued = std::ranges::find(queue_, abandon.id, &Submit::id);
  if (queued != queue_.end()) {
    report_(OfferEnded{abandon.id, EventKind::kWithdrawn, Reason::kWithdrawn, "never offered"});
    queue_.erase(queued);
    return;
  }
  for (const auto& [key, offer] : offers_) {
    if (offer.submit.id != abandon.id) continue;
    // Refused when the offer is ending anyway: its event tells.
    [[maybe_unused]] const auto status = session_.withdraw(key, Reason::kWithdrawn);
    return;
  }
}

void ProducerEngine::on_event(const Event& event, TimePoint /*seen*/) {
  const auto found = offers_.find(event.key);
  if (found == offers_.end()) return;
  auto& offer = found->second;
  if (event.kind == EventKind::kSent) {
    offer.sent = true;
    free_unused_blocks(offer);
  } else {
    end(offer, event.kind, event.reason, event.detail);
    forget_if_over(event.key);
  }
}

std::optional<TimePoint> ProducerEngine::work(TimePoint now) {
  if (!prefill_ && !start_next()) return std::nullopt;
  if (!prefill_) return now;  // it failed at once: try the next
  const auto key = prefill_->key;
  auto& offer = offers_.at(key);
  if (!prefill_->due) {
    const auto started = start_layer(offer, now);
    if (started.ok()) return prefill_->due;
    stop_computing(offer);
    end_with(offer, started.error());
    forget_if_over(key);
    return now;
  }
  if (now >= *prefill_->due) {
    finish_layer(offer);
    forget_if_over(key);
    return now;
  }
  return prefill_->due;
}

// False: nothing to start, or no room for it yet.
bool ProducerEngine::start_next() {
  if (queue_.empty()) return false;
  const auto& next = queue_.front();
  const auto block_tokens = pool_.block_tokens();
  const auto keys = next.prompt.block_keys(block_tokens);
  // At least the last token is always computed, as engines do.
  const auto cacheable =
      std::min<std::size_t>(keys.size(), (next.prompt.n_tokens - 1) / block_tokens);
  auto blocks = blocks_.allocate(blocks_for(next.prompt.n_tokens, block_tokens),
                                 std::span(keys).first(cacheable));
  if (!blocks) return false;
  const auto key = next.key;
  auto& offer = offers_[key];
  offer.submit = next;
  offer.cached_tokens = blocks->cached * block_tokens;
  offer.blocks = std::move(*blocks);
  queue_.pop_front();
  prefill_ = Prefill{key, 0, std::nullopt};
  const auto status = announce(offer);
  if (!status.ok() && !only_ended(status)) end_with(offer, status.error());
  forget_if_over(key);
  return true;
}

Status ProducerEngine::announce(Offer& offer) {
  const auto& prompt = offer.submit.prompt;
  OfferSpec spec;
  spec.key = offer.submit.key;
  spec.pool = handle_;
  spec.n_tokens = prompt.n_tokens;
  spec.content = prompt.hash();
  PEGAFLOW_TRY(session_.offer(spec));
  PEGAFLOW_TRY(session_.table(spec.key, 0, 0, offer.blocks.ids, true));
  if (offer.cached_tokens == 0) return {};
  offer.first_ready_ns = to_ns(SteadyClock().now());
  return session_.mark_cached(spec.key, offer.cached_tokens);
}

Status ProducerEngine::start_layer(const Offer& offer, TimePoint now) {
  const auto tokens = offer.computed();
  PEGAFLOW_TRY(pool_.fill(offer.submit.prompt, offer.blocks.ids, prefill_->layer, tokens));
  prefill_->due = now + Nanos(std::int64_t{setup_.compute_ns} * (tokens.end - tokens.begin));
  return {};
}

void ProducerEngine::finish_layer(Offer& offer) {
  const auto layer = prefill_->layer;
  const bool last = layer + 1 == pool_.layers();
  Status status;
  if (setup_.push == Push::kLayer) status = mark(offer, {layer, layer + 1});
  if (setup_.push == Push::kRequest && last) status = mark(offer, {0, pool_.layers()});
  if (status.ok() && last) status = session_.finish(offer.submit.key);
  if (!status.ok() && !only_ended(status)) {
    end_with(offer, status.error());
  } else if (last) {
    finish_prefill(offer);
  } else {
    prefill_->layer = layer + 1;
    prefill_->due.reset();
  }
}

Status ProducerEngine::mark(Offer& offer, LayerRange layers) {
  const auto now = to_ns(SteadyClock().now());
  PEGAFLOW_TRY(session_.mark_ready(offer.submit.key, 0, layers, offer.computed()));
  if (offer.first_ready_ns == 0) offer.first_ready_ns = now;
  if (layers.end == pool_.layers()) {
    report_(Produced{offer.submit.id, offer.cached_tokens, offer.first_ready_ns, now});
  }
  return {};
}

void ProducerEngine::finish_prefill(Offer& offer) {
  blocks_.publish(offer.blocks.ids, offer.submit.prompt.block_keys(pool_.block_tokens()));
  stop_computing(offer);
}

void ProducerEngine::stop_computing(Offer& offer) {
  if (offer.computing) prefill_.reset();
  offer.computing = false;
  free_unused_blocks(offer);
}

void ProducerEngine::end(Offer& offer, EventKind kind, Reason reason, const std::string& detail) {
  if (!offer.live) return;
  offer.live = false;
  report_(OfferEnded{offer.submit.id, kind, reason, detail});
  if (kind != EventKind::kDone) stop_computing(offer);
  free_unused_blocks(offer);
}

void ProducerEngine::end_with(Offer& offer, const Error& error) {
  // Refused when there is no such offer: then there is nothing to take back.
  [[maybe_unused]] const auto status = session_.withdraw(offer.submit.key, Reason::kInternal);
  end(offer, EventKind::kFailed, Reason::kInternal, error.message());
}

void ProducerEngine::free_unused_blocks(Offer& offer) {
  if (offer.computing || (offer.live && !offer.sent) || !offer.holds_blocks) return;
  blocks_.release(offer.blocks.ids);
  offer.holds_blocks = false;
}

void ProducerEngine::forget_if_over(const Key& key) {
  const auto& offer = offers_.at(key);
  if (!offer.live && !offer.computing) offers_.erase(key);
}

}  // namespace pegaflow::demo
