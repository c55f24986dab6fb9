// Simulation: what the deployment looks like.
#include "tests/simulation/simulation.h"

namespace pegaflow::simulation {
namespace {

agent::DataPath path_of(std::size_t number) {
  constexpr agent::DataPath kPaths[] = {agent::DataPath::kDirect, agent::DataPath::kAgent,
                                        agent::DataPath::kUcx};
  return kPaths[number];
}

}  // namespace

void Simulation::build() {
  Dice& dice = shared_.dice;
  faults_ = !dice.one_in(6);
  window_ = dice.between(1, 4);
  slots_ = 2 * window_ + dice.between(0, 8);
  path_ = dice.below(4);
  both_ways_ = dice.one_in(4);
  if (both_ways_) {
    build_both_ways();
  } else {
    build_apart();
  }
  requests_left_ = dice.between(1, 6);
  next_heartbeat_ = shared_.clock.now() + Millis(500);
}

// Ranks of one source instance and of one or two sink instances, spread over agents of their own.
void Simulation::build_apart() {
  Dice& dice = shared_.dice;
  std::vector<SimAgent*> sources, sinks;
  for (std::uint32_t n = dice.between(1, 2); n > 0; --n) {
    sources.push_back(&add_agent("p" + std::to_string(n)));
  }
  for (std::uint32_t n = dice.between(1, 2); n > 0; --n) {
    sinks.push_back(&add_agent("d" + std::to_string(n)));
  }
  for (SimAgent* source : sources) {
    for (SimAgent* sink : sinks) add_link(*source, *sink);
  }
  add_instance("prefill-0", true, sources);
  for (std::uint32_t n = dice.between(1, 2); n > 0; --n) {
    add_instance("decode-" + std::to_string(n), false, sinks);
  }
}

// Two agents, each with a source that the other's sink reads: one region serves both directions.
void Simulation::build_both_ways() {
  SimAgent& a = add_agent("a");
  SimAgent& b = add_agent("b");
  add_link(a, b);
  add_link(b, a);
  add_instance("prefill-0", true, {&a});
  add_instance("decode-0", false, {&b});
  add_instance("prefill-1", true, {&b});
  add_instance("decode-1", false, {&a});
}

SimAgent& Simulation::add_agent(const std::string& name) {
  agents_.push_back(std::make_unique<SimAgent>(shared_, name));
  agents_.back()->start(slots_, window_);
  return *agents_.back();
}

void Simulation::add_link(SimAgent& source, SimAgent& sink) {
  Dice& dice = shared_.dice;
  LinkOptions options;
  options.path = path_of(path_ == 3 ? dice.below(3) : path_);
  options.window = window_;
  options.chunk_bytes = dice.one_in(2) ? kSlotBytes : kSlotBytes / 2;
  const auto number = static_cast<std::uint16_t>(links_.size() + 1);
  links_.push_back(std::make_unique<SimLink>(shared_, number, source, sink, options));
}

void Simulation::add_instance(const std::string& instance, bool source,
                              const std::vector<SimAgent*>& hosts) {
  Dice& dice = shared_.dice;
  const std::uint32_t ranks = dice.between(1, 2);
  for (std::uint32_t tp = 0; tp < ranks; ++tp) {
    Rank rank;
    rank.tp = tp;
    rank.tp_size = ranks;
    engines_.push_back(
        std::make_unique<SimEngine>(shared_.dice, shared_.ledger, instance, rank, source));
    engines_.back()->incarnation = dice.number() | 1U;
    home_.push_back(hosts[dice.below(hosts.size())]);
  }
}

void Simulation::add_request() {
  --requests_left_;
  Request request;
  for (std::uint8_t& byte : request.key.bytes) {
    byte = static_cast<std::uint8_t>(shared_.dice.below(256));
  }
  request.n_tokens = 16 * shared_.dice.between(1, 20);
  request.hangs = faults_ && shared_.dice.one_in(16);
  std::vector<std::string> sinks;
  for (const auto& engine : engines_) {
    if (!engine->source && engine->rank.tp == 0) sinks.push_back(engine->instance);
  }
  request.sink = sinks[shared_.dice.below(sinks.size())];
  request.source = both_ways_ && request.sink == "decode-1" ? "prefill-1" : "prefill-0";
  requests_.push_back(std::move(request));
  count("requests");
}

}  // namespace pegaflow::simulation
