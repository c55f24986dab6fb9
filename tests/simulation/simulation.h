// Simulation: a whole deployment in one thread, without time and without a network: agents with
// the real TransferService, real control channels and real slots; everything else is played. A seed
// decides what the deployment looks like, which of the things that may happen next happens, and
// what goes wrong. After every step the ledger is checked; at the end everything heals, and then
// everything must have ended.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/sim_link.h"

namespace pegaflow::simulation {

// What a schedule did; summed over schedules it tells what was covered.
using Counts = std::map<std::string, std::uint64_t>;

struct Outcome {
  std::string violation;  // empty: all held
  std::uint64_t steps = 0;
  Counts counts;
};

class Simulation {
 public:
  // `trace`: called with every step, if set.
  explicit Simulation(std::uint64_t seed, std::function<void(const std::string&)> trace = {});
  ~Simulation();
  Outcome run();

 private:
  // A prompt: offered by every rank of the source, received by every rank of one sink instance.
  struct Request {
    Key key;
    std::uint32_t n_tokens = 0;
    bool hangs = false;
    std::string source, sink;  // instances
    std::vector<const SimEngine*> offered_by;
    std::map<const SimEngine*, std::vector<std::uint64_t>> attempts;
  };
  // A process has ended; `agent` is to get the proof, if it is still in that epoch.
  struct Proof {
    SimAgent* agent = nullptr;
    AgentEpoch epoch;
    std::uint64_t process = 0;  // of a peer; 0: its own client with this …
    WriterId writer;
    SimEngine* engine = nullptr;  // whose copies are over with it; none: an agent
  };
  struct Action {
    const char* name;
    std::function<void()> act;
  };

  // ---- build.cc
  void build();
  void build_apart();
  void build_both_ways();
  SimAgent& add_agent(const std::string& name);
  void add_link(SimAgent& source, SimAgent& sink);
  void add_instance(const std::string& instance, bool source, const std::vector<SimAgent*>& hosts);
  void add_request();

  // ---- actions.cc: what may happen next without anything going wrong
  void collect();
  void collect_engine(SimEngine& engine);
  void collect_agent(SimAgent& agent);
  void collect_link(SimLink& link);
  void collect_end(LinkEnd& end);
  bool user_can(const SimEngine& engine) const;
  void user_acts(SimEngine& engine);
  void source_acts(SimEngine& engine);
  void sink_acts(SimEngine& engine);
  bool hangs(const Key& key, const OfferView& offer) const;
  static bool may_offer(const Request& request, const SimEngine& engine);
  bool wants_to_receive(const Request& request, const SimEngine& engine) const;
  void add(const char* name, std::function<void()> act);
  void advance(Nanos by);
  void judge_time();

  // ---- faults.cc
  void go_wrong();
  void damage_packets();
  void kill_engine();
  void stop_or_continue();
  void kill_agent();
  void agent_dies(SimAgent& agent);
  void engine_dies(SimEngine& engine);
  void continue_engine(SimEngine& engine);
  void continue_agent(SimAgent& agent);
  void lie();
  void people_interfere();

  // ---- simulation.cc
  bool step();
  void settle();
  bool all_ended() const;
  void heal();
  void check_end();
  void check_receives(const SimEngine& engine);
  void check_offers(const SimEngine& engine);
  void check_waits();
  void describe() const;
  void count(const std::string& what) { ++counts_[what]; }
  std::optional<TimePoint> next_deadline() const;

  Shared shared_;
  std::function<void(const std::string&)> trace_;
  bool faults_ = false;   // this schedule has any
  bool healing_ = false;  // no more of them, and no new requests
  std::uint32_t slots_ = 8, window_ = 2;
  bool both_ways_ = false;  // every agent is source and sink
  std::size_t path_ = 0;    // of all links; 3: each its own
  std::vector<std::unique_ptr<SimAgent>> agents_;
  std::vector<std::unique_ptr<SimEngine>> engines_;
  std::vector<std::unique_ptr<SimLink>> links_;
  std::vector<SimAgent*> home_;  // of engines_
  std::vector<Request> requests_;
  std::vector<Proof> proofs_;
  std::map<const SimEngine*, TimePoint> stopped_;
  std::vector<Action> actions_;
  std::uint32_t requests_left_ = 0;
  TimePoint next_heartbeat_;
  std::uint64_t steps_ = 0;
  Counts counts_;
};

}  // namespace pegaflow::simulation
