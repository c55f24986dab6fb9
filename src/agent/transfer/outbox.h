// Outbox: batches of slots that were handed to a copier or a link and not reported yet.
// Fixed capacity (a batch holds at least one of our slots); no allocation after construction.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/transfer/source_stream.h"
#include "base/inline_vector.h"

namespace pegaflow::agent {

struct Batch {
  struct Item {
    Outbound out;
    wire::RemoteSlot remote;
  };
  std::uint64_t serial = 0;  // of the stream; the stream may have ended meanwhile
  LinkId link;
  RegionSlots* region = nullptr;
  TimePoint posted;
  bool flush = false;  // a flush was posted: it has a deadline
  InlineVector<Item, wire::kMaxSlotsPerMessage> items;
};

class Outbox {
 public:
  explicit Outbox(std::size_t batches);

  // REQUIRES a batch is free: give it at least as many as there are slots.
  std::uint64_t add(const Batch& batch);
  // The batch with this token, taken out; none: unknown (reported twice).
  std::optional<Batch> take(std::uint64_t token);
  // All batches of a link, taken out.
  std::vector<Batch> take_all(LinkId link);

  // Links with a flush older than `limit`; and when the next one will be.
  std::vector<LinkId> overdue(TimePoint now, Nanos limit) const;
  std::optional<TimePoint> next_overdue(Nanos limit) const;
  void extend(Nanos gap);

 private:
  struct Entry {
    Batch batch;
    std::uint32_t use = 0;  // grows with each reuse, part of the token
    bool taken = false;
  };
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
};

}  // namespace pegaflow::agent
