// Simulation: what may happen next without anything going wrong.
#include <algorithm>

#include "tests/simulation/simulation.h"

namespace pegaflow::simulation {
namespace {

constexpr std::size_t kMaxAttempts = 3;

}  // namespace

void Simulation::add(const char* name, std::function<void()> act) {
  actions_.push_back({name, std::move(act)});
}

void Simulation::collect() {
  actions_.clear();
  if (requests_left_ > 0) add("a prompt comes", [this] { add_request(); });
  for (const auto& engine : engines_) collect_engine(*engine);
  for (const auto& agent : agents_) collect_agent(*agent);
  for (const auto& link : links_) collect_link(*link);
  for (std::size_t i = 0; i < proofs_.size(); ++i) {
    add("a process is known to be gone", [this, i] {
      const Proof proof = proofs_[i];
      if (proof.agent->stopped) return;
      proofs_.erase(proofs_.begin() + static_cast<std::ptrdiff_t>(i));
      if (proof.engine != nullptr) proof.engine->bury();
      if (!proof.agent->alive || proof.agent->epoch != proof.epoch) return;
      if (proof.process != 0) {
        proof.agent->process_gone(proof.process);
      } else {
        proof.agent->writer_gone(proof.writer);
      }
    });
  }
  std::erase_if(actions_, [](const Action& action) { return !action.act; });
}

void Simulation::collect_engine(SimEngine& engine) {
  if (!engine.running()) return;
  if (engine.session != nullptr && engine.session->ended) {
    add("an engine misses its agent", [&engine] { engine.on_session_ended(); });
  }
  const std::size_t index = static_cast<std::size_t>(
      std::find_if(engines_.begin(), engines_.end(),
                   [&engine](const auto& e) { return e.get() == &engine; }) -
      engines_.begin());
  SimAgent& home = *home_[index];
  if (engine.session == nullptr && home.running()) {
    add("an engine connects", [&engine, &home] { home.open_session(engine); });
  }
  if (user_can(engine)) add("an engine's user", [this, &engine] { user_acts(engine); });
  if (engine.connected() && !engine.session->inbox.empty()) {
    add("a client hears its agent", [&engine] { engine.take_message(); });
  }
  if (engine.session != nullptr && engine.can_claim()) {
    add("a mover claims", [&engine] { engine.claim_one(); });
  }
  if (!engine.claims.empty()) add("a mover fills", [&engine] { engine.fill_one(); });
  if (engine.can_look()) add("a mover looks at lent slots", [&engine] { engine.look_one(); });
  if (engine.connected() && !engine.scatters.empty()) {
    add("a mover scatters", [&engine] { engine.scatter_one(); });
  }
}

void Simulation::collect_agent(SimAgent& agent) {
  if (!agent.running()) return;
  for (SimSession* session : agent.sessions) {
    if (!session->outbox.empty()) {
      add("an agent hears a client", [&agent, session] { agent.read_ring(*session); });
    } else if (session->ended) {
      add("an agent loses a client", [&agent, session] { agent.lose(*session); });
    }
  }
  SimCopier& copier = agent.copier;
  if (!copier.waiting.empty() && copier.running.empty()) {
    add("a copy begins", [&copier] { copier.begin_one(); });
  }
  if (!copier.running.empty()) add("a copy ends", [&copier] { copier.finish_one(); });
  if (!copier.outcomes.empty()) {
    add("a copy is reported", [&agent, &copier] {
      const SimCopier::Outcome outcome = copier.outcomes.front();
      copier.outcomes.pop_front();
      agent.service->on_copied(outcome.token, outcome.outcome, Nanos(1));
    });
  }
}

void Simulation::collect_link(SimLink& link) {
  if (link.can_connect()) {
    add("a link connects", [this, &link] {
      link.connect();
      count("links made");
      if (!faults_ || healing_ || !shared_.dice.one_in(4)) return;
      link.bring_back_former();
      count("first messages of a former link");
    });
  }
  collect_end(link.p_end);
  collect_end(link.d_end);
  const bool lands = std::any_of(link.puts.begin(), link.puts.end(), [&link](const auto& put) {
    return link.p.running() || !put.on_the_wire.empty();
  });
  if (lands) add("a put lands", [&link] { link.land_one(); });
  if (link.p.running() && link.p_end.state == EndState::kUp && link.can_report_flush()) {
    add("a flush is reported", [&link] { link.report_flush(); });
  }
}

void Simulation::collect_end(LinkEnd& end) {
  if (!end.agent().running()) return;
  if (end.state == EndState::kOpening && !end.eof) {
    add("an end of a link goes up", [&end] { end.go_up(); });
  }
  if (end.can_deliver()) add("a message is heard", [&end] { end.deliver_one(); });
  if (end.pools_differ()) add("a pool is told of", [&end] { end.sync_pools(); });
  if (end.eof || end.broken) {
    add("a link's end is noticed", [this, &end] {
      count("links lost");
      end.go_down(Error(Code::kUnavailable, "the peer closed the connection"));
    });
  }
}

// ---- what people and schedulers ask of an engine

bool Simulation::wants_to_receive(const Request& request, const SimEngine& engine) const {
  if (request.sink != engine.instance) return false;
  const auto at = request.attempts.find(&engine);
  if (at == request.attempts.end() || at->second.empty()) return true;
  if (healing_ || !faults_ || at->second.size() >= kMaxAttempts) return false;
  const auto last = engine.receives.find(at->second.back());
  return last == engine.receives.end() ||
         (last->second.ended() && last->second.end != EventKind::kDone);
}

bool Simulation::may_offer(const Request& request, const SimEngine& engine) {
  const auto& by = request.offered_by;
  return request.source == engine.instance && std::find(by.begin(), by.end(), &engine) == by.end();
}

// Nothing more is computed, and somebody still waits for it.
bool Simulation::hangs(const Key& key, const OfferView& offer) const {
  if (!offer.hangs || offer.progress < kHangsAt) return false;
  return std::any_of(engines_.begin(), engines_.end(), [&key](const auto& engine) {
    return std::any_of(engine->receives.begin(), engine->receives.end(), [&key](const auto& item) {
      return item.second.key == key && !item.second.ended();
    });
  });
}

bool Simulation::user_can(const SimEngine& engine) const {
  if (!engine.connected()) return false;
  if (!engine.source) {
    return std::any_of(requests_.begin(), requests_.end(),
                       [&](const Request& request) { return wants_to_receive(request, engine); });
  }
  for (const auto& [key, offer] : engine.offers) {
    if (!offer.finished && !offer.withdrawn && !hangs(key, offer)) return true;
  }
  return std::any_of(requests_.begin(), requests_.end(),
                     [&engine](const Request& request) { return may_offer(request, engine); });
}

void Simulation::user_acts(SimEngine& engine) {
  if (engine.source) {
    source_acts(engine);
  } else {
    sink_acts(engine);
  }
}

void Simulation::source_acts(SimEngine& engine) {
  std::vector<std::function<void()>> able;
  for (Request& request : requests_) {
    if (!may_offer(request, engine)) continue;
    able.emplace_back([&request, &engine] {
      request.offered_by.push_back(&engine);
      engine.offer(request.key, request.n_tokens);
      engine.offers.at(request.key).hangs = request.hangs;
    });
  }
  for (auto& [key, offer] : engine.offers) {
    if (offer.finished || offer.withdrawn || hangs(key, offer)) continue;
    able.emplace_back([this, &engine, &offer, &key] {
      Dice& dice = shared_.dice;
      if (offer.hangs && offer.progress >= kHangsAt) return engine.withdraw(key);
      if (offer.progress == kFullProgress) return engine.finish(key);
      if (offer.progress > 0 && dice.one_in(12)) {
        return engine.compute(key, static_cast<std::uint32_t>(dice.below(offer.progress)));
      }
      const std::uint32_t most = offer.hangs ? kHangsAt : kFullProgress;
      engine.compute(key, std::min(most, offer.progress + dice.between(1, 8)));
    });
  }
  if (!able.empty()) able[shared_.dice.below(able.size())]();
}

void Simulation::sink_acts(SimEngine& engine) {
  std::vector<Request*> able;
  for (Request& request : requests_) {
    if (wants_to_receive(request, engine)) able.push_back(&request);
  }
  if (able.empty()) return;
  Request& request = *able[shared_.dice.below(able.size())];
  if (shared_.dice.one_in(4)) {
    engine.tell(wire::RingIntend{request.key, {request.source, 0}, {}, {}, request.n_tokens, 0});
  }
  request.attempts[&engine].push_back(
      engine.receive(request.key, request.source, request.n_tokens));
  count("receives");
}

// ---- time

void Simulation::advance(Nanos by) {
  shared_.clock.advance(by);
  judge_time();
}

void Simulation::judge_time() {
  const TimePoint now = shared_.clock.now();
  const bool beat = now >= next_heartbeat_;
  if (beat) next_heartbeat_ = now + Millis(500);
  for (const auto& link : links_) {
    for (LinkEnd* end : {&link->p_end, &link->d_end}) {
      if (beat && end->agent().running()) end->heartbeat();
    }
  }
  for (const auto& agent : agents_) {
    if (!agent->running()) continue;
    for (SimSession* session : std::vector<SimSession*>(agent->sessions)) {
      const auto since = stopped_.find(&session->engine);
      if (session->ended || session->stalled || since == stopped_.end()) continue;
      if (now - since->second < std::chrono::seconds(3)) continue;
      session->stalled = true;
      session->engine.was_stalled = true;
      agent->service->on_client_stalled(*session);
    }
    agent->service->on_time(now);
    const auto next = agent->service->next_deadline();
    if (next && *next <= now) {
      shared_.ledger.broken("agent " + agent->name + " keeps a deadline that has passed");
    }
  }
}

}  // namespace pegaflow::simulation
