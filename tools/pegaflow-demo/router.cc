#include "pegaflow-demo/router.h"

#include <algorithm>
#include <utility>

namespace pegaflow::demo {
namespace {

std::string ending_text(const char* side, EventKind kind, Reason reason,
                        const std::string& detail) {
  std::string text = side;
  text.append(": ").append(to_string(kind));
  if (reason != Reason::kNone) text.append(" (").append(to_string(reason)).append(")");
  if (!detail.empty()) text.append(": ").append(detail);
  return text;
}

void fail(Outcome& outcome, std::string text) {
  if (outcome.failure.empty()) outcome.failure = std::move(text);
}

void add(TransferStats& sum, const TransferStats& rank) {
  sum.bytes += rank.bytes;
  sum.chunks += rank.chunks;
  sum.offer_wait = std::max(sum.offer_wait, rank.offer_wait);
  sum.grant = std::max(sum.grant, rank.grant);
  sum.gather = std::max(sum.gather, rank.gather);
  sum.wire = std::max(sum.wire, rank.wire);
  sum.scatter = std::max(sum.scatter, rank.scatter);
}

// What a report says about its request.
struct Apply {
  Outcome& outcome;
  void operator()(const Produced& produced) const {
    auto& first = outcome.first_ready_ns;
    first = first == 0 ? produced.first_ready_ns : std::min(first, produced.first_ready_ns);
    outcome.last_ready_ns = std::max(outcome.last_ready_ns, produced.last_ready_ns);
  }
  void operator()(const OfferEnded& end) const {
    ++outcome.producers_ended;
    if (end.kind == EventKind::kDone) return;
    fail(outcome, ending_text("P", end.kind, end.reason, end.detail));
  }
  void operator()(const Received& received) const {
    outcome.done_ns = std::max(outcome.done_ns, received.done_ns);
    add(outcome.stats, received.stats);
  }
  void operator()(const ReceiveFailed& end) const {
    ++outcome.consumers_ended;
    fail(outcome, ending_text("D", end.kind, end.reason, end.detail));
  }
  void operator()(const Verified& verified) const {
    ++outcome.consumers_ended;
    outcome.wrong_bytes += verified.wrong_bytes;
    if (verified.wrong_bytes == 0) return;
    fail(outcome,
         std::to_string(verified.wrong_bytes) + " wrong bytes; the first: " + verified.first);
  }
  void operator()(const EngineUp& /*up*/) const {}
  void operator()(const EngineFailed& /*failed*/) const {}
};

std::optional<std::uint32_t> request_of(const Report& report) {
  return std::visit(
      [](const auto& one) -> std::optional<std::uint32_t> {
        if constexpr (requires { one.id; }) {
          return one.id;
        } else {
          return std::nullopt;
        }
      },
      report);
}

}  // namespace

Router::Router(const RouterConfig& config, std::vector<Arrival> arrivals)
    : config_(config), arrivals_(std::move(arrivals)), outcomes_(arrivals_.size()) {
  for (std::size_t i = 0; i < arrivals_.size(); ++i) {
    outcomes_[i].n_tokens = arrivals_[i].prompt.n_tokens;
  }
}

std::vector<std::uint32_t> Router::release(Nanos now) {
  std::vector<std::uint32_t> ids;
  while (released_ < arrivals_.size() && in_flight() < config_.concurrency &&
         arrivals_[released_].at <= now) {
    outcomes_[released_].released = true;
    ids.push_back(released_++);
  }
  return ids;
}

std::optional<Nanos> Router::next_release() const {
  if (released_ == arrivals_.size() || in_flight() >= config_.concurrency) return std::nullopt;
  return arrivals_[released_].at;
}

std::optional<std::uint32_t> Router::on_report(const Report& report) {
  const auto id = request_of(report);
  if (!id || *id >= released_) return std::nullopt;
  auto& outcome = outcomes_[*id];
  const bool was_complete = complete(outcome);
  const bool was_failed = !outcome.failure.empty();
  std::visit(Apply{outcome}, report);
  if (!was_complete && complete(outcome)) ++ended_;
  const bool failed_now = !was_failed && !outcome.failure.empty();
  return failed_now && !complete(outcome) ? id : std::nullopt;
}

bool Router::complete(const Outcome& outcome) const {
  return outcome.producers_ended >= config_.producers &&
         outcome.consumers_ended >= config_.consumers;
}

bool Router::succeeded(std::uint32_t id) const {
  return complete(outcomes_[id]) && outcomes_[id].failure.empty();
}

}  // namespace pegaflow::demo
