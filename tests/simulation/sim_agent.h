// SimAgent: an agent process: the TransferService under test, its region, its copier, and what it
// knows of writers. Sessions and links are separate, so that they can end apart from it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/transfer/transfer_service.h"
#include "tests/agent/transfer/quiet_probe.h"
#include "tests/simulation/sim_engine.h"

namespace pegaflow::simulation {

// What all parties of one simulation share.
struct Shared {
  explicit Shared(std::uint64_t seed) : dice(seed) {}
  // The region and slot where these bytes lie in the owner's mapping or in that of the others.
  std::pair<SimRegion*, SlotIndex> locate(const std::byte* at);
  SimRegion& add_region(std::uint32_t slots);

  Dice dice;
  Ledger ledger;
  FakeClock clock;
  std::vector<std::unique_ptr<SimRegion>> regions;
};

// Copies slots to slots when it gets its turn.
class SimCopier final : public agent::Copier {
 public:
  explicit SimCopier(Shared& shared) : shared_(shared) {}
  void submit(const agent::CopyJob& job) override { waiting.push_back({job, 0}); }

  bool begin_one();
  bool finish_one();
  // The process is gone: what it copies is never finished.
  void die();

  struct Job {
    agent::CopyJob job;
    std::uint64_t read = 0;  // in the ledger
  };
  struct Outcome {
    std::uint64_t token = 0;
    agent::CopyOutcome outcome{};
  };
  std::deque<Job> waiting, running;
  std::deque<Outcome> outcomes;

 private:
  Shared& shared_;
};

class SimAgent {
 public:
  SimAgent(Shared& shared, std::string agent_name)
      : shared_(shared), copier(shared), name(std::move(agent_name)) {}

  bool running() const { return alive && !stopped; }
  void start(std::uint32_t slots, std::uint32_t window);
  void kill();

  // ---- sessions. REQUIRES running().
  SimSession& open_session(SimEngine& engine);
  void lose(SimSession& session);
  bool read_ring(SimSession& session);

  // ---- writers
  WriterId new_writer();
  // The number of a process of a peer; a new one when it has none.
  WriterId writer_of(std::uint64_t process);
  bool knows(std::uint64_t process) const { return processes.contains(process); }
  // The proof that it has ended; its number may be given out again.
  void writer_gone(WriterId writer);
  void process_gone(std::uint64_t process);

 private:
  Shared& shared_;

 public:
  SimCopier copier;
  const std::string name;
  AgentEpoch epoch;
  bool alive = false, stopped = false;
  TimePoint stopped_since;
  SimRegion* region = nullptr;
  agent::QuietProbe probe;
  std::unique_ptr<agent::TransferService> service;
  std::vector<SimSession*> sessions;  // those that the service knows
  std::map<std::uint64_t, WriterId> processes;
  std::uint32_t next_visible = 1000;

 private:
  void note_left(SimSession& session, const StreamKey& stream);
  void check_withdrawn(const SimSession& session, const Key& key);

  std::set<std::uint16_t> writers_;
  std::vector<std::unique_ptr<SimSession>> all_sessions_;
  std::uint32_t next_pool_ = 1;
  std::uint16_t next_session_ = 1;
};

}  // namespace pegaflow::simulation
