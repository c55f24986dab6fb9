// OfferBook: what local engines have promised, and which promises are closed. One offer per key and
// pool (each rank of an instance offers its own part under the same key).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/ports.h"
#include "base/clock.h"

namespace pegaflow::agent {

struct OfferId {
  Key key;
  PoolId pool;
  auto operator<=>(const OfferId&) const = default;
};

// One reader of an offer: a rank of an instance. Stays the same over attempts and restarts of its
// engine, so that one which reads twice does not count as two.
struct Consumer {
  std::string instance;
  Rank rank;
  bool operator==(const Consumer&) const = default;
};

struct Offer {
  OfferId id;
  ClientPort* client = nullptr;
  std::uint32_t n_tokens = 0;
  ContentHash content{};
  Nanos lease{};
  bool finished = false;  // no more tokens will become ready: the lease runs when idle
  std::uint32_t live_streams = 0;
  std::uint32_t consumers = 0;          // from the first grant; 0: nobody has asked
  std::vector<Consumer> left;           // those whose chunks have all left the blocks
  std::vector<Consumer> done;           // those that confirmed
  std::optional<TimePoint> lease_ends;  // set while it runs

  bool sent() const { return consumers != 0 && left.size() >= consumers; }
  bool confirmed() const { return consumers != 0 && done.size() >= consumers; }
};

class OfferBook {
 public:
  OfferBook(std::uint32_t max_offers, std::uint32_t max_tombstones, Nanos tombstone);

  // kAlreadyExists, kFailedPrecondition (closed a moment ago), kResourceExhausted.
  Result<Offer*> add(const Offer& offer, TimePoint now);
  Offer* find(const OfferId& id);
  // The offer is gone and later grants are told so until the tombstone expires.
  void close(const OfferId& id, TimePoint now);
  bool closed(const OfferId& id, TimePoint now);
  std::size_t size() const { return offers_.size(); }

  // Starts or stops the lease of an offer by its state.
  static void update_lease(Offer& offer, TimePoint now);
  static void renew_lease(Offer& offer, TimePoint now);

  std::map<OfferId, Offer>& all() { return offers_; }
  const std::map<OfferId, Offer>& all() const { return offers_; }

 private:
  void bury(const OfferId& id, TimePoint now);
  void expire_tombstones(TimePoint now);

  std::uint32_t max_offers_, max_tombstones_;
  Nanos tombstone_;
  std::map<OfferId, Offer> offers_;
  std::map<OfferId, TimePoint> tombstones_;            // → when it expires
  std::deque<std::pair<TimePoint, OfferId>> burials_;  // in order of expiry
};

}  // namespace pegaflow::agent
