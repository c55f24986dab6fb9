// Store: the live agent records behind the rendezvous service, with leases, revisions and waiting
// for change. State is soft: a store that lost everything has another id, and agents register
// again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "pegaflow/result.h"
#include "rendezvous/record.h"

namespace pegaflow::rendezvous {

// "<store id>:<n>". Revisions of different stores don't compare.
struct Revision {
  std::string store;
  std::uint64_t number = 0;
  bool operator==(const Revision&) const = default;
  std::string text() const;
};
Result<Revision> revision_from_text(std::string_view text);

// One name's state. Records are immutable once stored, and shared: answers to readers outlive the
// moment at which the store replaces a record.
struct Entry {
  std::string name;
  std::uint64_t revision = 0;                 // of its last change
  std::shared_ptr<const AgentRecord> record;  // null: gone (unregistered or lease expired)
  // record_to_json(*record), made once and sent to many; null in what a client received.
  std::shared_ptr<const std::string> json;
};

// What changed after a revision. `complete`: it holds all there is; what it lacks is gone.
struct Listing {
  Revision revision;
  bool complete = false;
  std::vector<Entry> entries;
};

struct PutRequest {
  AgentRecord record;
  // The epoch this agent supersedes: it has seen that process end.
  std::optional<AgentEpoch> previous_epoch;
};

struct Lease {
  Revision revision;
  std::chrono::milliseconds duration{};
};

// Thread safe.
class Store {
 public:
  virtual ~Store() = default;

  // Stores the record and starts its lease. kAlreadyExists: another epoch's lease is live and
  // previous_epoch isn't that epoch. An equal record of the live epoch renews the lease only.
  virtual Result<Lease> put(PutRequest request) = 0;
  // kNotFound: nothing live under the name. kFailedPrecondition: it is another epoch's.
  virtual Result<Lease> heartbeat(std::string_view name, AgentEpoch epoch) = 0;
  // Same errors as heartbeat.
  virtual Status remove(std::string_view name, AgentEpoch epoch) = 0;
  virtual std::optional<Entry> get(std::string_view name) = 0;  // nullopt: none live

  // Changes after `since` (all that is live, when absent or of another store); waits up to `wait`
  // for one when there is none. Returns early, perhaps empty, after interrupt().
  virtual Listing list(const std::optional<Revision>& since, std::chrono::milliseconds wait) = 0;
  // Ends all waiting, for good: at shut-down.
  virtual void interrupt() = 0;
};

// What the store reports. Called with its lock held: return soon, don't call the store.
class StoreEvents {
 public:
  virtual ~StoreEvents() = default;
  virtual void live_agents(std::size_t count) = 0;                       // after each change
  virtual void registered(std::string_view name, AgentEpoch epoch) = 0;  // a new epoch
  virtual void updated(std::string_view name) = 0;  // another record of the same epoch
  virtual void removed(std::string_view name) = 0;  // it said goodbye
  virtual void lease_expired(std::string_view name) = 0;
};

// Everything in this process. Holds at most one entry per name ever registered; the server admits
// only the topology's names.
class MemoryStore final : public Store {
 public:
  // `clock` and `events` (may be null) outlive the store.
  MemoryStore(const Clock& clock, std::chrono::milliseconds lease, StoreEvents* events = nullptr);

  Result<Lease> put(PutRequest request) override;
  Result<Lease> heartbeat(std::string_view name, AgentEpoch epoch) override;
  Status remove(std::string_view name, AgentEpoch epoch) override;
  std::optional<Entry> get(std::string_view name) override;
  Listing list(const std::optional<Revision>& since, std::chrono::milliseconds wait) override;
  void interrupt() override;

  const std::string& id() const { return id_; }

 private:
  struct Slot {
    Entry entry;
    TimePoint lease_end;
  };

  void expire();  // all private functions: mutex_ held
  void tell_stored(const AgentRecord* before, const AgentRecord& now) const;
  void changed(Slot& slot);  // gives it the next revision, wakes waiters
  std::optional<TimePoint> next_expiry() const;
  Listing changes_since(const std::optional<Revision>& since) const;
  Result<Slot*> live_slot(std::string_view name, AgentEpoch epoch);
  Lease lease_now(Slot& slot);

  const Clock& clock_;
  const std::chrono::milliseconds lease_;
  StoreEvents* const events_;
  const std::string id_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::map<std::string, Slot, std::less<>> slots_;
  std::uint64_t revision_ = 0;
  std::size_t live_ = 0;
  bool interrupted_ = false;
};

}  // namespace pegaflow::rendezvous
