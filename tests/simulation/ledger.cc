#include "tests/simulation/ledger.h"

namespace pegaflow::simulation {
namespace {

std::string name(const SimRegion& region, SlotIndex slot) {
  return "slot " + std::to_string(slot.value) + " of region " + std::to_string(region.uid);
}

}  // namespace

void Ledger::broken(const std::string& what) {
  if (violation_.empty()) violation_ = what;
}

void Ledger::write_begins(const OpenWrite& write) {
  const auto [at, fresh] = writes_.emplace(SlotId{write.region->uid, write.slot.value}, write);
  if (fresh) return;
  broken(name(*write.region, write.slot) + " has two owners: " + at->second.who + " and " +
         write.who);
}

void Ledger::write_ends(const SimRegion& region, SlotIndex slot) {
  writes_.erase({region.uid, slot.value});
}

std::uint64_t Ledger::read_begins(SimRegion& region, SlotIndex slot, const std::string& who) {
  reads_.emplace(next_read_, OpenWrite{&region, slot, region.word(slot).load(), who});
  return next_read_++;
}

void Ledger::check_slots() {
  for (const auto& [id, write] : writes_) {
    if (write.region->word(write.slot).load() == write.word) continue;
    broken(name(*write.region, write.slot) + " was given away while " + write.who + " writes it");
  }
  for (const auto& [number, read] : reads_) {
    if (read.region->word(read.slot).load() == read.word) continue;
    broken(name(*read.region, read.slot) + " was given away while " + read.who + " reads it");
  }
}

void Ledger::credit(const SimRegion& region, SlotIndex slot, Generation generation,
                    const char* to) {
  if (credits_.emplace(region.uid, slot.value, generation.value).second) return;
  broken("the credit for " + name(region, slot) + ", generation " +
         std::to_string(generation.value) + ", was handed out twice (" + to + ")");
}

void Ledger::stream_complete(const Key& key, std::uint32_t source_rank, std::uint32_t sink_rank) {
  complete_[{key, source_rank}].insert(sink_rank);
}

std::size_t Ledger::complete_streams(const Key& key, std::uint32_t source_rank) const {
  const auto at = complete_.find({key, source_rank});
  return at == complete_.end() ? 0 : at->second.size();
}

void Ledger::agent_died(AgentEpoch agent) {
  std::erase_if(left_, [agent](const auto& entry) { return entry.second == agent; });
}

}  // namespace pegaflow::simulation
