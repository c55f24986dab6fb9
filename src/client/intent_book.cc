#include "client/intent_book.h"

#include <utility>
#include <vector>

#include "core/plan.h"

namespace pegaflow::client {

IntentBook::IntentBook(Outbox& outbox, EventQueue& events, std::uint32_t max_intents)
    : outbox_(outbox), events_(events), max_intents_(max_intents) {}

Status IntentBook::intend(const IntendSpec& spec, TimePoint deadline) {
  if (spec.key.space != KeySpace::kTransfer) {
    return Error{Code::kUnsupported, "intend: only transfer keys are supported"};
  }
  if (spec.n_tokens == 0 || spec.n_tokens > core::kMaxTokens) {
    return Error{Code::kInvalidArgument, "intend: n_tokens is " + std::to_string(spec.n_tokens) +
                                             ", expected 1 … " + std::to_string(core::kMaxTokens)};
  }
  if (deadlines_.contains(spec.key)) {
    return Error{Code::kAlreadyExists, "intend: " + spec.key.to_hex() + " is asked already"};
  }
  if (deadlines_.size() >= max_intents_) {
    return Error{Code::kResourceExhausted, std::to_string(max_intents_) + " intents wait"};
  }
  if (!events_.reserve(1)) {
    return Error{Code::kResourceExhausted, "too many unread events; poll() first"};
  }
  deadlines_.emplace(spec.key, deadline);
  outbox_.post(wire::RingIntend{spec.key, spec.source, spec.content, spec.fingerprint,
                                spec.n_tokens, spec.reference});
  return {};
}

void IntentBook::on_result(const wire::RingResult& message) {
  if (deadlines_.contains(message.key)) {
    answer(message.key, message.kind, message.reason, message.detail);
  }
}

void IntentBook::answer(const Key& key, EventKind kind, Reason reason, std::string detail) {
  Event event;
  event.kind = kind;
  event.key = key;
  event.reason = reason;
  event.detail = std::move(detail);
  events_.push(std::move(event));
  deadlines_.erase(key);
}

void IntentBook::expire(TimePoint now) {
  std::vector<Key> late;
  for (const auto& [key, deadline] : deadlines_) {
    if (now >= deadline) late.push_back(key);
  }
  for (const Key& key : late) {
    answer(key, EventKind::kRefused, Reason::kTotalTimeout, "the agent did not answer in time");
  }
}

void IntentBook::extend_deadlines(Nanos by) {
  for (auto& [key, deadline] : deadlines_) deadline += by;
}

void IntentBook::end_all(const std::string& why) {
  while (!deadlines_.empty()) {
    const Key key = deadlines_.begin()->first;
    answer(key, EventKind::kRefused, Reason::kAgentLost, why);
  }
}

}  // namespace pegaflow::client
