#include "core/slot_table.h"

#include <algorithm>

#include "base/check.h"

namespace pegaflow::core {

SlotTable::SlotTable(std::uint32_t slots, SlotWords& words) : words_(words), slots_(slots) {
  free_.reserve(slots);
  for (std::uint32_t i = slots; i-- > 0;) {
    words_.word(SlotIndex{i}).store(free_word(slots_[i].generation), std::memory_order_release);
    free_.push_back(SlotIndex{i});
  }
  counts_[static_cast<std::size_t>(SlotState::kFree)] = slots;
}

SlotTable::Slot& SlotTable::at(SlotIndex index) {
  PEGAFLOW_CHECK(index.value < slots_.size());
  return slots_[index.value];
}

std::uint32_t SlotTable::usable_count() const {
  return size() - counts_[static_cast<std::size_t>(SlotState::kRetired)];
}

void SlotTable::set_state(Slot& slot, SlotState state) {
  --counts_[static_cast<std::size_t>(slot.state)];
  ++counts_[static_cast<std::size_t>(state)];
  slot.state = state;
}

void SlotTable::make_free(SlotIndex index) {
  Slot& slot = at(index);
  ++slot.generation.value;
  slot.writer = {};
  slot.user = 0;
  set_state(slot, SlotState::kFree);
  words_.word(index).store(free_word(slot.generation), std::memory_order_release);
  free_.push_back(index);
}

std::optional<Loan> SlotTable::loan(WriterId writer, SlotUser user) {
  if (free_.empty()) return {};
  const SlotIndex index = free_.back();
  free_.pop_back();
  Slot& slot = at(index);
  slot.writer = writer;
  slot.user = user;
  set_state(slot, SlotState::kLoaned);
  words_.word(index).store(loaned_word(slot.generation, writer), std::memory_order_release);
  return Loan{index, slot.generation};
}

bool SlotTable::is(SlotIndex index, Generation generation, SlotUser user) const {
  if (index.value >= slots_.size()) return false;
  const Slot& slot = slots_[index.value];
  return slot.state != SlotState::kFree && slot.generation == generation && slot.user == user;
}

Observed SlotTable::look(SlotIndex index) const {
  const Slot& slot = slots_[index.value];
  const std::uint64_t raw = words_.word(index).load(std::memory_order_acquire);
  if (raw == loaned_word(slot.generation, slot.writer)) return Observed::kUntouched;
  if (raw == claimed_word(slot.generation, slot.writer)) return Observed::kClaimed;
  if (raw == filled_word(slot.generation, slot.writer)) return Observed::kFilled;
  if (raw == free_word(Generation{slot.generation.value + 1})) return Observed::kVoided;
  return Observed::kBroken;
}

void SlotTable::accept(SlotIndex index) {
  Slot& slot = at(index);
  PEGAFLOW_CHECK(slot.state == SlotState::kLoaned);
  set_state(slot, SlotState::kFilled);
  words_.word(index).store(filled_word(slot.generation, slot.writer), std::memory_order_release);
}

void SlotTable::drain(SlotIndex index) {
  Slot& slot = at(index);
  PEGAFLOW_CHECK(slot.state == SlotState::kFilled);
  set_state(slot, SlotState::kDraining);
}

void SlotTable::release(SlotIndex index) {
  const SlotState state = at(index).state;
  PEGAFLOW_CHECK(state == SlotState::kLoaned || state == SlotState::kFilled ||
                 state == SlotState::kDraining);
  make_free(index);
}

bool SlotTable::take_back(SlotIndex index) {
  const Slot& slot = at(index);
  PEGAFLOW_CHECK(slot.state == SlotState::kLoaned);
  std::uint64_t expected = loaned_word(slot.generation, slot.writer);
  const std::uint64_t taken = free_word(Generation{slot.generation.value + 1});
  if (!words_.word(index).compare_exchange_strong(expected, taken, std::memory_order_acq_rel)) {
    return false;
  }
  make_free(index);
  return true;
}

Recall SlotTable::revoke(SlotIndex index, TimePoint now) {
  if (at(index).state != SlotState::kLoaned) {
    release(index);
    return Recall::kFreed;
  }
  if (take_back(index)) return Recall::kFreed;
  const Observed seen = look(index);
  if (seen == Observed::kFilled || seen == Observed::kVoided) {
    make_free(index);
    return Recall::kFreed;
  }
  quarantine(index, now);
  return Recall::kQuarantined;
}

void SlotTable::quarantine(SlotIndex index, TimePoint now) {
  Slot& slot = at(index);
  PEGAFLOW_CHECK(slot.state == SlotState::kLoaned);
  set_state(slot, SlotState::kQuarantined);
  slot.since = now;
}

bool SlotTable::prove(SlotIndex index) {
  const SlotState state = at(index).state;
  if (state != SlotState::kQuarantined && state != SlotState::kRetired) return false;
  make_free(index);
  return true;
}

std::uint32_t SlotTable::sweep(TimePoint now, Nanos limit) {
  if (!has_quarantined()) return 0;
  std::uint32_t changed = 0;
  for (std::uint32_t i = 0; i < size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.state != SlotState::kQuarantined && slot.state != SlotState::kRetired) continue;
    const Observed seen = look(SlotIndex{i});
    if (seen == Observed::kFilled || seen == Observed::kVoided) {
      make_free(SlotIndex{i});
      ++changed;
    } else if (slot.state == SlotState::kQuarantined && now - slot.since >= limit) {
      set_state(slot, SlotState::kRetired);
      ++changed;
    }
  }
  return changed;
}

std::optional<TimePoint> SlotTable::next_retirement(Nanos limit) const {
  std::optional<TimePoint> next;
  for (const Slot& slot : slots_) {
    if (slot.state != SlotState::kQuarantined) continue;
    if (!next || slot.since + limit < *next) next = slot.since + limit;
  }
  return next;
}

}  // namespace pegaflow::core
