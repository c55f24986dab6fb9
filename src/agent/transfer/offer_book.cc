#include "agent/transfer/offer_book.h"

namespace pegaflow::agent {

OfferBook::OfferBook(std::uint32_t max_offers, std::uint32_t max_tombstones, Nanos tombstone)
    : max_offers_(max_offers), max_tombstones_(max_tombstones), tombstone_(tombstone) {}

Result<Offer*> OfferBook::add(const Offer& offer, TimePoint now) {
  if (closed(offer.id, now)) {
    return Error(Code::kFailedPrecondition,
                 "key " + offer.id.key.to_hex() + " was offered and closed already; use a new key");
  }
  if (offers_.size() >= max_offers_) {
    return Error(Code::kResourceExhausted,
                 "limits.max_offers = " + std::to_string(max_offers_) + " offers are live");
  }
  const auto [at, fresh] = offers_.emplace(offer.id, offer);
  if (!fresh) {
    return Error(Code::kAlreadyExists, "key " + offer.id.key.to_hex() + " is offered already");
  }
  return &at->second;
}

Offer* OfferBook::find(const OfferId& id) {
  const auto at = offers_.find(id);
  return at == offers_.end() ? nullptr : &at->second;
}

void OfferBook::close(const OfferId& id, TimePoint now) {
  offers_.erase(id);
  bury(id, now);
}

void OfferBook::bury(const OfferId& id, TimePoint now) {
  expire_tombstones(now);
  while (tombstones_.size() >= max_tombstones_ && !burials_.empty()) {
    tombstones_.erase(burials_.front().second);
    burials_.pop_front();
  }
  if (tombstones_.emplace(id, now + tombstone_).second) burials_.emplace_back(now + tombstone_, id);
}

bool OfferBook::closed(const OfferId& id, TimePoint now) {
  expire_tombstones(now);
  return tombstones_.contains(id);
}

void OfferBook::expire_tombstones(TimePoint now) {
  while (!burials_.empty() && burials_.front().first <= now) {
    tombstones_.erase(burials_.front().second);
    burials_.pop_front();
  }
}

void OfferBook::update_lease(Offer& offer, TimePoint now) {
  const bool runs = offer.finished && offer.live_streams == 0;
  if (!runs) {
    offer.lease_ends.reset();
  } else if (!offer.lease_ends) {
    offer.lease_ends = now + offer.lease;
  }
}

void OfferBook::renew_lease(Offer& offer, TimePoint now) {
  if (offer.lease_ends) offer.lease_ends = now + offer.lease;
}

}  // namespace pegaflow::agent
