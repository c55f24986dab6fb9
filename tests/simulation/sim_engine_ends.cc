// SimEngine: what its agent tells of ends, and the judgement of it.
#include <algorithm>

#include "tests/simulation/sim_agent.h"

namespace pegaflow::simulation {

void SimEngine::on_result(const wire::RingResult& result) {
  if (result.kind == EventKind::kOffered || result.kind == EventKind::kRefused) return;
  if (source) {
    on_offer_result(result);
  } else {
    on_receive_result(result);
  }
}

void SimEngine::on_offer_result(const wire::RingResult& result) {
  OfferView& offer = offers.at(result.key);
  if (++offer.results > 1) {
    ledger_.broken("an offer of " + name() + " ended twice, the second time with " +
                   std::string(to_string(result.kind)));
  }
  if (result.kind != EventKind::kDone || result.reason != Reason::kNone) return;
  const std::size_t complete = ledger_.complete_streams(result.key, rank.tp);
  if (complete >= offer.consumers) return;
  ledger_.broken(name() + " was told done, but " + std::to_string(complete) + " of " +
                 std::to_string(offer.consumers) + " consumers have all bytes");
}

void SimEngine::on_receive_result(const wire::RingResult& result) {
  ReceiveView& receive = receives.at(result.handle);
  if (++receive.results > 1) {
    ledger_.broken("a receive of " + name() + " ended twice, the second time with " +
                   std::string(to_string(result.kind)));
  }
  judge(receive, result);
  // What the client reported first stands: the agent's word may have crossed the last chunk.
  if (!receive.ended()) end(receive, result.kind, result.reason);
}

void SimEngine::judge(const ReceiveView& receive, const wire::RingResult& result) {
  const bool nobodys_fault = result.reason == Reason::kInternal || result.reason == Reason::kNone ||
                             result.reason == Reason::kProtocol;
  if (result.kind != EventKind::kDone && nobodys_fault) {
    ledger_.broken("a receive of " + name() + " ended for no good reason (" +
                   std::string(to_string(result.reason)) + ")");
  }
  if (result.kind == EventKind::kCancelled && !receive.cancelled) {
    ledger_.broken("a receive of " + name() + " ended cancelled, and nobody had asked for it");
  }
  const bool all_left = receive.streams > 0 && receive.missing.size() == receive.streams &&
                        std::all_of(receive.missing.begin(), receive.missing.end(),
                                    [this](const auto& m) { return ledger_.has_left(m.first); });
  if (result.reason == Reason::kEngineLost && all_left && !was_stalled) {
    ledger_.broken("a receive of " + name() +
                   " failed with its source's engine, which had sent all");
  }
}

void SimEngine::end(ReceiveView& receive, EventKind kind, Reason reason) {
  receive.end = kind;
  receive.reason = reason;
}

}  // namespace pegaflow::simulation
