#include "rendezvous/registrar.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "rendezvous/backoff.h"
#include "rendezvous/client.h"

namespace pegaflow::rendezvous {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kHeartbeatsPerLease = 3;

}  // namespace

// Two threads: the keeper registers and renews the lease, the watcher follows the others'
// records. They share the flags below; each has its own client, so that stop() can end its calls.
class Registrar::Impl {
 public:
  Impl(RegistrarConfig config, AgentRecord record, RegistrarEvents& events)
      : config_(std::move(config)),
        events_(events),
        keeper_client_(config_.host, config_.port),
        watcher_client_(config_.host, config_.port),
        record_(std::move(record)) {}

  void start() {
    PEGAFLOW_CHECK(!keeper_.joinable());
    keeper_ = std::thread([this] { keep(); });
    watcher_ = std::thread([this] { watch(); });
  }

  void update(AgentRecord record) {
    const std::lock_guard lock(mutex_);
    record_ = std::move(record);
    ++version_;
    changed_.notify_all();
  }

  bool registered() const {
    const std::lock_guard lock(mutex_);
    return registered_version_ == version_;
  }

  std::shared_ptr<const AgentRecord> peer(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find(name);
    return found == peers_.end() ? nullptr : found->second;
  }

  void stop(milliseconds grace) {
    if (!keeper_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    keeper_client_.cancel();
    watcher_client_.cancel();
    keeper_.join();
    watcher_.join();
    unregister(grace);
  }

 private:
  // ---- the keeper's thread

  void keep() {
    Backoff backoff(config_.first_backoff, config_.last_backoff);
    auto next = steady_clock::now();
    while (keeper_waits_until(next, backoff.failures() > 0)) {
      const bool known = registered();
      auto lease = known ? renew() : send_record();
      if (stopping()) return;
      if (lease.ok()) {
        backoff.succeeded();
        next = steady_clock::now() + lease->duration / kHeartbeatsPerLease;
      } else {
        next =
            steady_clock::now() + report(known ? "heartbeat" : "register", lease.error(), backoff);
      }
    }
  }

  // False: stop. Ends early for a record that isn't registered or, after a failure, one that
  // wasn't tried yet.
  bool keeper_waits_until(steady_clock::time_point next, bool after_failure) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, next, [&] {
      return stopping_ || lost_ ||
             version_ != (after_failure ? tried_version_ : registered_version_);
    });
    lost_ = false;
    return !stopping_;
  }

  Result<Lease> send_record() {
    PutRequest request;
    std::uint64_t version = 0;
    {
      const std::lock_guard lock(mutex_);
      request = {record_, config_.previous_epoch};
      version = tried_version_ = version_;
    }
    auto lease = keeper_client_.put(request, config_.call_deadline);
    if (!lease.ok()) return lease;
    {
      const std::lock_guard lock(mutex_);
      registered_version_ = version;
    }
    const std::lock_guard lock(events_mutex_);
    events_.registered(*lease);
    return lease;
  }

  Result<Lease> renew() {
    const auto [name, epoch] = identity();
    auto lease = keeper_client_.heartbeat(name, epoch, config_.call_deadline);
    const bool unknown = !lease.ok() && (lease.error().code() == Code::kNotFound ||
                                         lease.error().code() == Code::kFailedPrecondition);
    if (unknown && !stopping()) forget_registration(false);
    return lease;
  }

  // ---- the watcher's thread

  void watch() {
    Backoff backoff(config_.first_backoff, config_.last_backoff);
    std::optional<Revision> since;
    while (!stopping()) {
      const auto listing = watcher_client_.list(since, config_.poll_wait, config_.call_deadline);
      if (stopping()) return;
      if (!listing.ok()) {
        watcher_pauses(report("watch", listing.error(), backoff));
        continue;
      }
      backoff.succeeded();
      const bool news = !since.has_value() || *since != listing->revision;
      if (since.has_value() && since->store != listing->revision.store) forget_registration(true);
      since = listing->revision;
      if (news) apply(*listing);
      // A server that doesn't wait must not be asked in a circle.
      if (!news && listing->entries.empty()) watcher_pauses(config_.first_backoff);
    }
  }

  void apply(const Listing& listing) {
    Listing others{listing.revision, listing.complete, {}};
    {
      const std::lock_guard lock(mutex_);
      if (listing.complete) peers_.clear();
      for (const auto& entry : listing.entries) {
        if (entry.name == record_.name) continue;
        others.entries.push_back(entry);
        if (entry.record == nullptr) {
          peers_.erase(entry.name);
        } else {
          peers_[entry.name] = entry.record;
        }
      }
    }
    const std::lock_guard lock(events_mutex_);
    events_.peers_changed(others);
  }

  void watcher_pauses(milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [&] { return stopping_; });
  }

  // ---- both

  milliseconds report(std::string_view what, const Error& error, Backoff& backoff) {
    const auto retry_in = backoff.failed();
    const std::lock_guard lock(events_mutex_);
    events_.rendezvous_failed(what, error, backoff.failures(), retry_in);
    return retry_in;
  }

  // The service doesn't know us (any more). `at_once`: don't wait for the next heartbeat.
  void forget_registration(bool at_once) {
    const std::lock_guard lock(mutex_);
    registered_version_ = 0;
    lost_ = at_once;
    changed_.notify_all();
  }

  bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  std::pair<std::string, AgentEpoch> identity() const {
    const std::lock_guard lock(mutex_);
    return {record_.name, record_.epoch};
  }

  void unregister(milliseconds grace) {
    const auto [name, epoch] = identity();
    {
      const std::lock_guard lock(mutex_);
      if (registered_version_ == 0) return;
      registered_version_ = 0;
    }
    const auto status = Client(config_.host, config_.port).remove(name, epoch, grace);
    if (!status.ok()) events_.rendezvous_failed("unregister", status.error(), 1, milliseconds(0));
  }

  const RegistrarConfig config_;
  RegistrarEvents& events_;
  std::mutex events_mutex_;  // held during each event; never while mutex_ is
  Client keeper_client_;
  Client watcher_client_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  AgentRecord record_;
  std::uint64_t version_ = 1;  // of record_
  std::uint64_t tried_version_ = 0;
  std::uint64_t registered_version_ = 0;  // 0: none is known there
  bool lost_ = false;                     // the keeper shall register at once
  bool stopping_ = false;
  std::map<std::string, std::shared_ptr<const AgentRecord>, std::less<>> peers_;

  std::thread keeper_;
  std::thread watcher_;
};

Registrar::Registrar(RegistrarConfig config, AgentRecord record, RegistrarEvents& events)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(record), events)) {}

Registrar::~Registrar() { stop(); }

void Registrar::start() { impl_->start(); }

void Registrar::update(AgentRecord record) { impl_->update(std::move(record)); }

bool Registrar::registered() const { return impl_->registered(); }

std::shared_ptr<const AgentRecord> Registrar::peer(std::string_view name) const {
  return impl_->peer(name);
}

void Registrar::stop(milliseconds grace) { impl_->stop(grace); }

}  // namespace pegaflow::rendezvous
