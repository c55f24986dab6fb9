#include <algorithm>

#include "base/hex.h"
#include "base/random.h"
#include "rendezvous/store.h"

namespace pegaflow::rendezvous {
namespace {

using std::chrono::ceil;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

}  // namespace

MemoryStore::MemoryStore(const Clock& clock, milliseconds lease, StoreEvents* events)
    : clock_(clock), lease_(lease), events_(events), id_(to_hex(random_u64())) {}

void MemoryStore::changed(Slot& slot) {
  slot.entry.revision = ++revision_;
  live_ = static_cast<std::size_t>(std::count_if(slots_.begin(), slots_.end(), [](const auto& s) {
    return s.second.entry.record != nullptr;
  }));
  if (events_ != nullptr) events_->live_agents(live_);
  changed_.notify_all();
}

void MemoryStore::expire() {
  const auto now = clock_.now();
  for (auto& [name, slot] : slots_) {
    if (slot.entry.record == nullptr || slot.lease_end > now) continue;
    slot.entry.record = nullptr;
    slot.entry.json = nullptr;
    if (events_ != nullptr) events_->lease_expired(name);
    changed(slot);
  }
}

std::optional<TimePoint> MemoryStore::next_expiry() const {
  std::optional<TimePoint> next;
  for (const auto& [name, slot] : slots_) {
    if (slot.entry.record == nullptr) continue;
    next = next.has_value() ? std::min(*next, slot.lease_end) : slot.lease_end;
  }
  return next;
}

Lease MemoryStore::lease_now(Slot& slot) {
  slot.lease_end = clock_.now() + lease_;
  return {{id_, revision_}, lease_};
}

Result<Lease> MemoryStore::put(PutRequest request) {
  auto json = std::make_shared<const std::string>(record_to_json(request.record));
  auto record = std::make_shared<const AgentRecord>(std::move(request.record));
  const std::lock_guard lock(mutex_);
  expire();
  Slot& slot = slots_[record->name];
  slot.entry.name = record->name;
  const AgentRecord* live = slot.entry.record.get();
  if (live != nullptr && live->epoch != record->epoch && request.previous_epoch != live->epoch) {
    const auto left = ceil<milliseconds>(slot.lease_end - clock_.now());
    return Error(Code::kAlreadyExists,
                 '"' + record->name + "\" is registered with epoch " + epoch_to_text(live->epoch) +
                     " for another " + std::to_string(left.count()) + " ms; got epoch " +
                     epoch_to_text(record->epoch) +
                     ", which may take over at once only by naming that epoch as previous_epoch");
  }
  if (live == nullptr || *live != *record) {
    tell_stored(live, *record);
    slot.entry.record = std::move(record);
    slot.entry.json = std::move(json);
    changed(slot);
  }
  return lease_now(slot);
}

void MemoryStore::tell_stored(const AgentRecord* before, const AgentRecord& now) const {
  if (events_ == nullptr) return;
  if (before != nullptr && before->epoch == now.epoch) {
    events_->updated(now.name);
  } else {
    events_->registered(now.name, now.epoch);
  }
}

Result<MemoryStore::Slot*> MemoryStore::live_slot(std::string_view name, AgentEpoch epoch) {
  const auto found = slots_.find(name);
  if (found == slots_.end() || found->second.entry.record == nullptr) {
    return Error(Code::kNotFound, '"' + std::string(name) + "\" isn't registered");
  }
  const AgentEpoch live = found->second.entry.record->epoch;
  if (live != epoch) {
    return Error(Code::kFailedPrecondition,
                 '"' + std::string(name) + "\" is registered with epoch " + epoch_to_text(live) +
                     ", got " + epoch_to_text(epoch));
  }
  return &found->second;
}

Result<Lease> MemoryStore::heartbeat(std::string_view name, AgentEpoch epoch) {
  const std::lock_guard lock(mutex_);
  expire();
  PEGAFLOW_ASSIGN(Slot * slot, live_slot(name, epoch));
  return lease_now(*slot);
}

Status MemoryStore::remove(std::string_view name, AgentEpoch epoch) {
  const std::lock_guard lock(mutex_);
  expire();
  PEGAFLOW_ASSIGN(Slot * slot, live_slot(name, epoch));
  slot->entry.record = nullptr;
  slot->entry.json = nullptr;
  if (events_ != nullptr) events_->removed(name);
  changed(*slot);
  return {};
}

std::optional<Entry> MemoryStore::get(std::string_view name) {
  const std::lock_guard lock(mutex_);
  expire();
  const auto found = slots_.find(name);
  if (found == slots_.end() || found->second.entry.record == nullptr) return std::nullopt;
  return found->second.entry;
}

Listing MemoryStore::changes_since(const std::optional<Revision>& since) const {
  Listing listing;
  listing.revision = {id_, revision_};
  // A number that was never given out can't be of this store either.
  listing.complete = !since.has_value() || since->store != id_ || since->number > revision_;
  for (const auto& [name, slot] : slots_) {
    const bool wanted =
        listing.complete ? slot.entry.record != nullptr : slot.entry.revision > since->number;
    if (wanted) listing.entries.push_back(slot.entry);
  }
  return listing;
}

Listing MemoryStore::list(const std::optional<Revision>& since, milliseconds wait) {
  const auto deadline = steady_clock::now() + wait;
  std::unique_lock lock(mutex_);
  for (;;) {
    expire();
    Listing listing = changes_since(since);
    const bool answer = listing.complete || !listing.entries.empty();
    if (answer || interrupted_ || steady_clock::now() >= deadline) return listing;
    auto until = deadline;
    if (const auto expiry = next_expiry(); expiry.has_value()) {
      until = std::min(until, steady_clock::now() + (*expiry - clock_.now()));
    }
    changed_.wait_until(lock, until);
  }
}

void MemoryStore::interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  changed_.notify_all();
}

}  // namespace pegaflow::rendezvous
