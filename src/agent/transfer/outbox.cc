#include "agent/transfer/outbox.h"

#include "agent/transfer/context.h"
#include "base/check.h"

namespace pegaflow::agent {

Outbox::Outbox(std::size_t batches) : entries_(batches) {
  free_.reserve(batches);
  for (std::size_t i = batches; i-- > 0;) free_.push_back(static_cast<std::uint32_t>(i));
}

std::uint64_t Outbox::add(const Batch& batch) {
  PEGAFLOW_CHECK(!free_.empty());
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Entry& entry = entries_[index];
  entry.batch = batch;
  entry.taken = true;
  ++entry.use;
  return (std::uint64_t{entry.use} << 32U) | index;
}

std::optional<Batch> Outbox::take(std::uint64_t token) {
  const auto index = static_cast<std::uint32_t>(token);
  if (index >= entries_.size()) return {};
  Entry& entry = entries_[index];
  if (!entry.taken || entry.use != token >> 32U) return {};
  entry.taken = false;
  free_.push_back(index);
  return entry.batch;
}

std::vector<Batch> Outbox::take_all(LinkId link) {
  std::vector<Batch> batches;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].taken || entries_[i].batch.link != link) continue;
    batches.push_back(entries_[i].batch);
    entries_[i].taken = false;
    free_.push_back(i);
  }
  return batches;
}

std::vector<LinkId> Outbox::overdue(TimePoint now, Nanos limit) const {
  std::vector<LinkId> links;
  for (const Entry& entry : entries_) {
    if (entry.taken && entry.batch.flush && now - entry.batch.posted >= limit) {
      links.push_back(entry.batch.link);
    }
  }
  return links;
}

std::optional<TimePoint> Outbox::next_overdue(Nanos limit) const {
  std::optional<TimePoint> next;
  for (const Entry& entry : entries_) {
    if (entry.taken && entry.batch.flush) take_earlier(next, entry.batch.posted + limit);
  }
  return next;
}

void Outbox::extend(Nanos gap) {
  for (Entry& entry : entries_) {
    if (entry.taken) entry.batch.posted += gap;
  }
}

}  // namespace pegaflow::agent
