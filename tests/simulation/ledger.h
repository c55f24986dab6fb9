// Ledger: what is true whatever the schedule does. Parties of the simulation enter what they do;
// the first thing that must not be is kept, with the step at which it happened.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "pegaflow/key.h"
#include "tests/simulation/sim_region.h"

namespace pegaflow::simulation {

// Who may write a slot, and what its word says as long as that is so.
struct OpenWrite {
  SimRegion* region = nullptr;
  SlotIndex slot;
  std::uint64_t word = 0;
  std::string who;
};

class Ledger {
 public:
  void broken(const std::string& what);
  bool ok() const { return violation_.empty(); }
  const std::string& violation() const { return violation_; }

  // ---- slots: between begin and end nobody else may own the slot, and its word must not change.
  void write_begins(const OpenWrite& write);
  void write_ends(const SimRegion& region, SlotIndex slot);
  // Bytes are still read from there.
  std::uint64_t read_begins(SimRegion& region, SlotIndex slot, const std::string& who);
  void read_ends(std::uint64_t number) { reads_.erase(number); }
  void check_slots();

  // ---- credits: one slot in one generation is handed out once.
  void credit(const SimRegion& region, SlotIndex slot, Generation generation, const char* to);

  // ---- transfers
  // A consumer has every chunk of one stream, right and once.
  void stream_complete(const Key& key, std::uint32_t source_rank, std::uint32_t sink_rank);
  std::size_t complete_streams(const Key& key, std::uint32_t source_rank) const;
  // A source's agent was told that all bytes of a stream have left the blocks; until it dies it
  // needs nobody else to bring them to the sink.
  void stream_left(const StreamKey& stream, AgentEpoch agent) { left_[stream] = agent; }
  void agent_died(AgentEpoch agent);
  bool has_left(const StreamKey& stream) const { return left_.contains(stream); }

 private:
  using SlotId = std::pair<std::uint32_t, std::uint32_t>;
  std::string violation_;
  std::map<SlotId, OpenWrite> writes_;
  std::map<std::uint64_t, OpenWrite> reads_;
  std::uint64_t next_read_ = 1;
  std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> credits_;
  std::map<std::pair<Key, std::uint32_t>, std::set<std::uint32_t>> complete_;
  std::map<StreamKey, AgentEpoch> left_;
};

}  // namespace pegaflow::simulation
