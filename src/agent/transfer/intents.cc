#include "agent/transfer/intents.h"

#include <algorithm>

namespace pegaflow::agent {

void Intents::on_intend(ClientPort& client, const wire::RingIntend& request) {
  Intent intent{request, &client, {}, false, context_.now() + context_.config.deadlines.offer_wait,
                {}};
  if (context_.draining) return answer(intent, EventKind::kRefused, Reason::kDraining, {});
  if (intents_.size() >= context_.config.limits.max_intents) {
    return answer(intent, EventKind::kRefused, Reason::kOverload, "limits.max_intents are waiting");
  }
  const std::uint64_t number = next_++;
  ask(number, intents_.emplace(number, std::move(intent)).first->second, false);
}

void Intents::ask(std::uint64_t number, Intent& intent, bool again) {
  const wire::RingIntend& request = intent.request;
  for (const auto& [id, link] : context_.links) {
    if (link.port->we_are_source()) continue;
    for (const PeerPool& pool : link.port->peer_pools()) {
      const Rank& rank = pool.shape.rank;
      if (pool.instance != request.source.instance || rank.dp != request.source.dp) continue;
      const bool known = std::any_of(
          intent.asked.begin(), intent.asked.end(),
          [&](const Asked& asked) { return asked.link == id && asked.pool == pool.id; });
      if (known && !again) continue;
      if (!known) intent.asked.push_back({id, pool.id, rank, false});
      link.port->send(wire::Intend{request.key, request.reference, pool.id, request.content,
                                   request.fingerprint, request.n_tokens, number});
    }
  }
}

bool Intents::complete(const Intent& intent) {
  if (intent.asked.empty()) return false;
  const Rank& rank = intent.asked.front().rank;
  const auto offered = std::count_if(intent.asked.begin(), intent.asked.end(),
                                     [](const Asked& asked) { return asked.offered; });
  return offered >= static_cast<std::ptrdiff_t>(rank.tp_size) * rank.pp_size;
}

void Intents::answer(Intent& intent, EventKind kind, Reason reason, const std::string& detail) {
  intent.answered = true;
  intent.client->send(wire::RingResult{kind, reason, intent.request.key, 0, 0, 0, detail});
}

void Intents::on_offered(LinkPort& link, const wire::Offered& offered) {
  const auto at = intents_.find(offered.intent);
  if (at == intents_.end() || at->second.request.key != offered.key) return;
  Intent& intent = at->second;
  const TimePoint now = context_.now();
  for (Asked& asked : intent.asked) {
    if (asked.link == link.id() && !asked.offered) {
      asked.offered = true;
      break;
    }
  }
  intent.repeat = now + Millis(std::max(offered.lease_ms, 30U)) / 3;
  if (intent.answered || !complete(intent)) return;
  intent.deadline = now + context_.config.deadlines.total;
  answer(intent, EventKind::kOffered, Reason::kNone, {});
}

void Intents::on_refuse(LinkPort& link, const wire::Refuse& refuse) {
  const auto at = intents_.find(refuse.intent);
  if (at == intents_.end() || at->second.request.key != refuse.key) return;
  if (!at->second.answered) {
    answer(at->second, EventKind::kRefused, refuse.reason, "refused by " + link.peer());
  }
  intents_.erase(at);
}

void Intents::on_receive(const Key& key) {
  std::erase_if(intents_, [&key](const auto& item) { return item.second.request.key == key; });
}

void Intents::on_release(const wire::RingRelease& release) {
  on_receive(release.key);
  for (const auto& [id, link] : context_.links) {
    if (link.port->we_are_source()) continue;
    for (const PeerPool& pool : link.port->peer_pools()) {
      const bool named =
          pool.instance == release.source.instance && pool.shape.rank.dp == release.source.dp;
      if (!named) continue;
      link.port->send(wire::Release{release.key, release.reference, pool.id, Reason::kReleased});
    }
  }
}

void Intents::on_client_lost(ClientPort& client) {
  std::erase_if(intents_, [&client](const auto& item) { return item.second.client == &client; });
}

void Intents::on_peer_pool() {
  for (auto& [number, intent] : intents_) ask(number, intent, false);
}

void Intents::on_link_down(LinkPort& link) {
  for (auto& [number, intent] : intents_) {
    std::erase_if(intent.asked, [&link](const Asked& asked) { return asked.link == link.id(); });
  }
}

void Intents::on_time(TimePoint now) {
  for (auto at = intents_.begin(); at != intents_.end();) {
    auto& [number, intent] = *at;
    if (intent.deadline <= now) {
      if (!intent.answered) {
        const Reason reason = intent.asked.empty() ? Reason::kNoPeer : Reason::kOfferTimeout;
        answer(intent, EventKind::kRefused, reason, {});
      }
      at = intents_.erase(at);
      continue;
    }
    if (intent.repeat && *intent.repeat <= now) {
      intent.repeat.reset();
      // All answer anew; OFFERED does not say which rank it is of, so none may count twice.
      for (Asked& asked : intent.asked) asked.offered = false;
      ask(number, intent, true);
    }
    ++at;
  }
}

std::optional<TimePoint> Intents::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [number, intent] : intents_) {
    take_earlier(next, intent.deadline);
    take_earlier(next, intent.repeat);
  }
  return next;
}

void Intents::on_gap(Nanos gap) {
  for (auto& [number, intent] : intents_) {
    intent.deadline += gap;
    if (intent.repeat) *intent.repeat += gap;
  }
}

}  // namespace pegaflow::agent
