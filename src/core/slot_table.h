// SlotTable: the owner's view of one region's slots, and the only code that changes their state.
// The shared words lie in memory that clients can write, so the table keeps its own copy of
// everything and believes a word only where the protocol lets the writer change it
// (docs/formats/slot.md). Not thread safe; words are atomics because writers race with us.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/strong_id.h"
#include "core/slot_word.h"

namespace pegaflow::core {

// Where the shared words are.
class SlotWords {
 public:
  virtual ~SlotWords() = default;
  virtual std::atomic<std::uint64_t>& word(SlotIndex slot) = 0;
};

// Who a slot is lent for; the table gives it back, never looks inside.
using SlotUser = std::uint64_t;

struct Loan {
  SlotIndex slot;
  Generation generation;
};

// What the shared word says about a slot that is LOANED in our copy.
enum class Observed : std::uint8_t {
  kUntouched,  // LOANED
  kClaimed,    // the writer is at work
  kFilled,     // the writer is done; the header may be read
  kVoided,     // the writer gave up after claiming
  kBroken,     // anything else: the writer broke the rules
};

enum class Recall : std::uint8_t {
  kFreed,        // the slot is free; that writer can never start
  kQuarantined,  // the writer may be at work: wait for a proof
};

using StateCounts = std::array<std::uint32_t, 8>;  // indexed by SlotState

class SlotTable {
 public:
  // `words` outlives the table; all words are reset to FREE of generation 1.
  SlotTable(std::uint32_t slots, SlotWords& words);

  std::uint32_t size() const { return static_cast<std::uint32_t>(slots_.size()); }
  std::uint32_t free_count() const { return static_cast<std::uint32_t>(free_.size()); }
  // Slots that are not retired.
  std::uint32_t usable_count() const;
  const StateCounts& counts() const { return counts_; }

  // FREE → LOANED. None: no slot is free.
  std::optional<Loan> loan(WriterId writer, SlotUser user);

  // True if the slot exists, is not free and has this generation and user in our copy.
  bool is(SlotIndex slot, Generation generation, SlotUser user) const;
  SlotState state(SlotIndex slot) const { return slots_[slot.value].state; }
  Generation generation(SlotIndex slot) const { return slots_[slot.value].generation; }
  SlotUser user(SlotIndex slot) const { return slots_[slot.value].user; }
  WriterId writer(SlotIndex slot) const { return slots_[slot.value].writer; }

  // REQUIRES state LOANED. Reads the shared word with acquire order.
  Observed look(SlotIndex slot) const;

  // LOANED → FILLED (the word said FILLED, or a CHUNK told) . REQUIRES state LOANED.
  void accept(SlotIndex slot);
  // FILLED → DRAINING: handed to the reader.
  void drain(SlotIndex slot);
  // LOANED|FILLED|DRAINING → FREE(g+1), without asking the writer. REQUIRES a reason why no write
  // can follow: filled, voided, returned unspent, or proven.
  void release(SlotIndex slot);
  // LOANED → FREE(g+1) by compare-and-swap. False: the writer was first, and nothing has changed;
  // the slot will be filled or voided. REQUIRES state LOANED.
  bool take_back(SlotIndex slot);
  // As take_back; if the writer was first, QUARANTINED (or FREE if already filled
  // or voided). Readers' states are released. REQUIRES a state of LOANED, FILLED or DRAINING.
  Recall revoke(SlotIndex slot, TimePoint now);
  // LOANED → QUARANTINED: the writer cannot be asked by compare-and-swap (UCX links).
  void quarantine(SlotIndex slot, TimePoint now);

  // QUARANTINED|RETIRED → FREE(g+1): a proof arrived for this slot. False: it was neither.
  bool prove(SlotIndex slot);
  // A proof for all that this writer held: everything LOANED, QUARANTINED or RETIRED is freed.
  // `freed` is called with each slot that was LOANED, before it is freed.
  template <typename Fn>
  void prove_writer(WriterId writer, Fn&& freed);
  // Looks at the words of quarantined and retired slots for FILLED or VOID; retires those that
  // wait longer than `limit`. Returns how many changed.
  std::uint32_t sweep(TimePoint now, Nanos limit);
  // When sweep() has something to retire at the latest; none: nothing is quarantined.
  std::optional<TimePoint> next_retirement(Nanos limit) const;
  bool has_quarantined() const {
    return counts_[static_cast<std::size_t>(SlotState::kQuarantined)] +
               counts_[static_cast<std::size_t>(SlotState::kRetired)] >
           0;
  }

 private:
  struct Slot {
    Generation generation{1};
    WriterId writer;
    SlotState state = SlotState::kFree;
    SlotUser user = 0;
    TimePoint since;  // of QUARANTINED
  };
  void set_state(Slot& slot, SlotState state);
  void make_free(SlotIndex index);
  Slot& at(SlotIndex index);

  SlotWords& words_;
  std::vector<Slot> slots_;
  std::vector<SlotIndex> free_;  // last freed is lent first: warm in caches
  StateCounts counts_{};
};

template <typename Fn>
void SlotTable::prove_writer(WriterId writer, Fn&& freed) {
  for (std::uint32_t i = 0; i < size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.writer != writer) continue;
    if (slot.state == SlotState::kLoaned) freed(SlotIndex{i});
    if (slot.state == SlotState::kLoaned || slot.state == SlotState::kQuarantined ||
        slot.state == SlotState::kRetired) {
      make_free(SlotIndex{i});
    }
  }
}

}  // namespace pegaflow::core
