#include "tests/simulation/simulation.h"

#include <algorithm>

namespace pegaflow::simulation {
namespace {

constexpr std::uint64_t kStepsWithFaults = 1500;
constexpr std::uint64_t kMostSteps = 400'000;

}  // namespace

Simulation::Simulation(std::uint64_t seed, std::function<void(const std::string&)> trace)
    : shared_(seed), trace_(std::move(trace)) {
  build();
}

Simulation::~Simulation() = default;

bool Simulation::step() {
  collect();
  if (actions_.empty()) return false;
  const Action& action = actions_[shared_.dice.below(actions_.size())];
  if (trace_) trace_(action.name);
  action.act();
  return true;
}

Outcome Simulation::run() {
  Dice& dice = shared_.dice;
  const std::uint64_t rarity = faults_ ? dice.between(8, 120) : 0;
  bool more = true;
  while (more && shared_.ledger.ok() && steps_ < kStepsWithFaults) {
    ++steps_;
    if (rarity != 0 && dice.one_in(rarity)) {
      if (trace_) trace_("something goes wrong");
      go_wrong();
    }
    for (const auto& agent : agents_) {
      if (agent->running() && agent->service->polling() && dice.one_in(4)) agent->service->poll();
    }
    if (dice.one_in(16)) advance(std::chrono::microseconds(dice.between(1, 2000)));
    more = step() || !all_ended();
    shared_.ledger.check_slots();
  }
  heal();
  if (shared_.ledger.ok()) check_end();
  return {shared_.ledger.violation(), steps_, counts_};
}

// Everything that can happen without time passing.
void Simulation::settle() {
  bool found = true;
  while (found && shared_.ledger.ok()) {
    found = false;
    while (step() && shared_.ledger.ok()) {
      found = true;
      shared_.ledger.check_slots();
      if (++steps_ > kMostSteps) return shared_.ledger.broken("something goes round for ever");
    }
    for (const auto& agent : agents_) {
      if (agent->running()) found = agent->service->poll() || found;
    }
  }
}

bool Simulation::all_ended() const {
  return requests_left_ == 0 && std::all_of(agents_.begin(), agents_.end(), [](const auto& agent) {
           const auto snapshot =
               agent->alive ? agent->service->snapshot() : agent::TransferSnapshot();
           return snapshot.transfers.empty() && snapshot.offers == 0 && snapshot.receives == 0;
         });
}

std::optional<TimePoint> Simulation::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& agent : agents_) {
    if (agent->running()) agent::take_earlier(next, agent->service->next_deadline());
  }
  return next;
}

// Nothing goes wrong any more; everybody runs; all that was asked for is computed.
void Simulation::heal() {
  healing_ = true;
  requests_left_ = 0;
  for (const auto& agent : agents_) {
    if (!agent->alive) agent->start(slots_, window_);
    if (agent->stopped) continue_agent(*agent);
  }
  for (const auto& engine : engines_) {
    if (engine->stopped) continue_engine(*engine);
  }
  // Long enough for every deadline there is, one after the other.
  const TimePoint end = shared_.clock.now() + std::chrono::minutes(10);
  settle();
  // What was lost on the way shows with the next heartbeat.
  for (int beats = 0; beats < 2 && faults_; ++beats) {
    advance(Millis(500));
    settle();
  }
  while (shared_.ledger.ok() && shared_.clock.now() < end && !all_ended()) {
    check_waits();
    if (trace_) describe();
    const auto next = next_deadline();
    if (!next) return;
    advance(std::max(*next - shared_.clock.now(), Nanos(1)));
    settle();
  }
  advance(Millis(20));  // slots of writers that went on
  settle();
}

// Who waits for what, for the trace.
void Simulation::describe() const {
  for (const auto& agent : agents_) {
    const agent::TransferSnapshot snapshot = agent->service->snapshot();
    std::string slots;
    for (const std::uint32_t n : snapshot.regions[0].slots) slots += " " + std::to_string(n);
    trace_("-- agent " + agent->name + ", slots by state:" + slots);
    for (const agent::TransferInfo& t : snapshot.transfers) {
      trace_("   " + t.key.to_hex().substr(0, 8) + (t.source ? " to " : " from ") + t.peer + ": " +
             t.state + ", " + std::to_string(t.chunks_done) + "/" + std::to_string(t.chunks_total));
    }
  }
  for (const auto& engine : engines_) {
    for (const auto& [id, stream] : engine->sources) {
      trace_("-- engine " + engine->name() + ": " + std::to_string(stream.ready) + " ready, " +
             std::to_string(stream.begun) + " begun, " + std::to_string(stream.credits.size()) +
             " credits");
    }
  }
}

void Simulation::check_waits() {
  if (next_deadline()) return;
  for (const auto& agent : agents_) {
    if (agent->service->drained()) continue;
    const auto transfers = agent->service->snapshot().transfers;
    shared_.ledger.broken("agent " + agent->name + " waits without a deadline, " +
                          (transfers.empty() ? "for a source" : "stream " + transfers[0].state));
  }
}

void Simulation::check_end() {
  for (const auto& agent : agents_) {
    const agent::TransferSnapshot snapshot = agent->service->snapshot();
    for (const agent::TransferInfo& transfer : snapshot.transfers) {
      shared_.ledger.broken("a transfer never ends at " + agent->name + ", " + transfer.state +
                            (transfer.source ? " (source)" : " (sink)"));
    }
    if (snapshot.receives != 0) shared_.ledger.broken("a receive never ends at " + agent->name);
    const core::StateCounts& slots = snapshot.regions[0].slots;
    const std::uint32_t free = slots[static_cast<std::size_t>(core::SlotState::kFree)];
    if (free == slots_) continue;
    std::string states;
    for (const std::uint32_t n : slots) states += " " + std::to_string(n);
    shared_.ledger.broken("agent " + agent->name + " has " + std::to_string(free) + " of " +
                          std::to_string(slots_) + " slots free at the end; by state:" + states);
  }
  for (const auto& engine : engines_) {
    check_receives(*engine);
    check_offers(*engine);
  }
}

void Simulation::check_receives(const SimEngine& engine) {
  for (const auto& [handle, receive] : engine.receives) {
    if (!receive.ended()) {
      shared_.ledger.broken("a receive of " + engine.name() + " never ended");
      continue;
    }
    const bool done = receive.end == EventKind::kDone;
    count("receives: " + std::string(done ? to_string(receive.end) : to_string(receive.reason)));
    if (!faults_ && !done) {
      shared_.ledger.broken("nothing went wrong, but a receive of " + engine.name() + " ended " +
                            std::string(to_string(receive.reason)));
    }
  }
}

void Simulation::check_offers(const SimEngine& engine) {
  if (!engine.connected()) return;
  for (const auto& [key, offer] : engine.offers) {
    count(offer.withdrawn ? "offers: withdrawn" : "offers: ended");
    if (offer.results == 0 && !offer.withdrawn) {
      shared_.ledger.broken("an offer of " + engine.name() + " never ended");
    }
  }
}

}  // namespace pegaflow::simulation
