// Simulation: what goes wrong.
#include <algorithm>

#include "tests/simulation/simulation.h"

namespace pegaflow::simulation {

void Simulation::go_wrong() {
  switch (shared_.dice.below(13)) {
    case 0:
    case 1:
    case 2:
      return damage_packets();
    case 3: {
      SimLink& link = *links_[shared_.dice.below(links_.size())];
      LinkEnd& end = shared_.dice.one_in(2) ? link.p_end : link.d_end;
      if (!end.agent().running() || end.state == EndState::kDown) return;
      count("links cut");
      return end.go_down(Error(Code::kUnavailable, "cut"));
    }
    case 4:
      return kill_engine();
    case 5:
      return kill_agent();
    case 6:
    case 7:
      return stop_or_continue();
    case 8:
    case 9:
      return advance(Millis(shared_.dice.between(1, 4000)));
    case 10:
      return lie();
    default:
      return people_interfere();
  }
}

// A message is lost, repeated, overtaken, damaged, or one of another incarnation arrives. The
// channel must notice each; what it does not let through has not happened.
void Simulation::damage_packets() {
  Dice& dice = shared_.dice;
  SimLink& link = *links_[dice.below(links_.size())];
  std::deque<Packet>& packets = (dice.one_in(2) ? link.p_end : link.d_end).arriving;
  if (packets.empty()) return;
  const std::size_t at = dice.below(packets.size());
  const auto place = packets.begin() + static_cast<std::ptrdiff_t>(at);
  if (dice.one_in(4)) link.strays.push_back(packets[at]);
  switch (dice.below(5)) {
    case 0:
      packets.erase(place);
      return count("messages lost");
    case 1: {
      const Packet again = packets[at];
      packets.insert(place, again);
      return count("messages repeated");
    }
    case 2:
      if (packets.size() < 2) return;
      std::swap(packets[at], packets[(at + 1) % packets.size()]);
      return count("messages swapped");
    case 3:
      // One bit is put right and is no damage; two are.
      for (std::uint32_t bits = dice.between(1, 2); bits > 0; --bits) {
        packets[at][dice.below(packets[at].size())] ^= static_cast<std::byte>(1U << dice.below(8));
      }
      return count("messages damaged");
    default:
      if (link.strays.empty()) return;
      packets.insert(place, dice.take(link.strays));
      return count("strays");
  }
}

void Simulation::engine_dies(SimEngine& engine) {
  // A session of an agent that is dead itself has no writer any more.
  if (engine.connected()) {
    engine.session->ended = true;
    SimAgent& home = engine.session->agent;
    proofs_.push_back({&home, home.epoch, 0, engine.session->writer(), &engine});
  }
  for (const auto& agent : agents_) {
    if (!agent->alive || !agent->knows(engine.incarnation)) continue;
    proofs_.push_back({agent.get(), agent->epoch, engine.incarnation, {}, &engine});
  }
  engine.kill();
  stopped_.erase(&engine);
}

void Simulation::kill_engine() {
  SimEngine& engine = *engines_[shared_.dice.below(engines_.size())];
  if (engine.alive) {
    engine_dies(engine);
    return count("engines killed");
  }
  const bool buried = std::none_of(proofs_.begin(), proofs_.end(),
                                   [&engine](const Proof& p) { return p.engine == &engine; });
  if (!buried) return;
  engine.bury();
  engine.alive = true;
  engine.incarnation = shared_.dice.number() | 1U;
  count("engines restarted");
}

void Simulation::agent_dies(SimAgent& agent) {
  for (SimSession* session : agent.sessions) session->ended = true;
  for (const auto& link : links_) {
    for (LinkEnd* end : {&link->p_end, &link->d_end}) {
      if (&end->agent() == &agent && end->state != EndState::kDown) end->vanish();
    }
  }
  for (const auto& other : agents_) {
    if (other->alive && other->knows(agent.epoch.value)) {
      proofs_.push_back({other.get(), other->epoch, agent.epoch.value, {}, nullptr});
    }
  }
  agent.kill();
}

void Simulation::kill_agent() {
  SimAgent& agent = *agents_[shared_.dice.below(agents_.size())];
  if (!agent.alive) {
    agent.start(slots_, window_);
    return count("agents restarted");
  }
  if (!shared_.dice.one_in(2)) return;
  agent_dies(agent);
  count("agents killed");
}

void Simulation::continue_engine(SimEngine& engine) {
  engine.stopped = false;
  stopped_.erase(&engine);
  if (engine.session != nullptr) engine.session->stalled = false;
}

void Simulation::continue_agent(SimAgent& agent) {
  agent.stopped = false;
  const Nanos gap = shared_.clock.now() - agent.stopped_since;
  if (gap > std::chrono::seconds(1)) agent.service->on_gap(gap);
}

void Simulation::stop_or_continue() {
  Dice& dice = shared_.dice;
  if (dice.one_in(2)) {
    SimEngine& engine = *engines_[dice.below(engines_.size())];
    if (!engine.alive) return;
    if (engine.stopped) return continue_engine(engine);
    engine.stopped = true;
    stopped_[&engine] = shared_.clock.now();
    return count("engines stopped");
  }
  SimAgent& agent = *agents_[dice.below(agents_.size())];
  if (!agent.alive) return;
  if (agent.stopped) return continue_agent(agent);
  agent.stopped = true;
  agent.stopped_since = shared_.clock.now();
  count("agents stopped");
}

// An engine speaks of a stream that is another's, of the same agent: nobody must believe it.
void Simulation::lie() {
  Dice& dice = shared_.dice;
  SimEngine& liar = *engines_[dice.below(engines_.size())];
  const SimEngine& other = *engines_[dice.below(engines_.size())];
  const bool neighbours = &liar != &other && liar.connected() && !liar.stopped &&
                          other.connected() && &liar.session->agent == &other.session->agent;
  if (!neighbours) return;
  const wire::SlotRef slot{RegionId{1}, SlotIndex{dice.between(0, slots_ - 1)}, Generation{1}};
  if (!other.sources.empty()) {
    const StreamKey stream = other.sources.begin()->first;
    liar.tell(wire::RingGathered{stream, {{slot, ChunkIndex{0}, false}}});
    count("lies");
  }
  if (!other.sinks.empty()) {
    const StreamKey stream = other.sinks.begin()->first;
    liar.tell(wire::RingScattered{stream, {{slot, ChunkIndex{0}, false, 1}}});
    count("lies");
  }
}

// Cancelled receives, withdrawn offers, releases: not faults, but as untimely.
void Simulation::people_interfere() {
  Dice& dice = shared_.dice;
  SimEngine& engine = *engines_[dice.below(engines_.size())];
  if (!engine.connected() || engine.stopped) return;
  if (engine.source) {
    for (auto& [key, offer] : engine.offers) {
      if (offer.withdrawn || !dice.one_in(3)) continue;
      count("offers withdrawn");
      return engine.withdraw(key);
    }
    return;
  }
  for (auto& [handle, receive] : engine.receives) {
    if (receive.ended() || !dice.one_in(3)) continue;
    if (dice.one_in(3)) {
      engine.tell(wire::RingRelease{receive.key, {receive.source, 0}, 0});
      return count("keys released");
    }
    count("receives cancelled");
    return engine.cancel(handle);
  }
}

}  // namespace pegaflow::simulation
