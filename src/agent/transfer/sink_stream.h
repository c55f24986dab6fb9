// SinkStream and Receive: one attempt to get a key, and its streams (one per source rank).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/ports.h"
#include "agent/transfer/chunk_set.h"
#include "agent/transfer/region_slots.h"
#include "base/inline_vector.h"
#include "core/plan.h"
#include "core/stream_states.h"

namespace pegaflow::agent {

struct Receive;

// A slot lent to the source for this stream.
struct LentSlot {
  SlotIndex slot;
  Generation generation;
  bool told = false;      // its credit was sent
  bool shown = false;     // the client was told of it, if it is one that looks
  bool revoking = false;  // REVOKE was sent
  bool is(SlotIndex index, Generation its) const { return slot == index && generation == its; }
};

struct SinkStream {
  StreamKey key;
  std::uint64_t serial = 0;  // slots name it
  Receive* receive = nullptr;
  LinkPort* link = nullptr;
  metrics::LinkProbe* probe = nullptr;
  PoolId source_pool;
  WriterId writer;
  std::uint32_t chunk_bytes = 0;
  bool shows_lent = false;  // the client looks at the words of lent slots, too
  RegionSlots* region = nullptr;
  core::StreamPlan plan;
  core::CreditStream credit = 0;  // in region->credits(), while it can get any
  core::SinkState state = core::SinkState::kAsked;

  std::vector<LentSlot> lent;
  ChunkSet arrived, scattered;
  std::vector<LentSlot> draining;                                        // at the client
  InlineVector<wire::ScatterSlot, wire::kMaxSlotsPerRingMessage> batch;  // to hand to the client

  TimePoint asked;
  bool offered = false;
  std::optional<TimePoint> offer_deadline, compute_deadline, progress_deadline, scatter_deadline,
      quiesce_deadline;

  bool mapped() const { return link->path() != DataPath::kUcx; }
};

struct Receive {
  std::uint64_t handle = 0;  // the client's number
  wire::RingReceive request;
  ClientPort* client = nullptr;
  XferId xfer;
  std::vector<SinkStream*> streams;  // empty: the source's ranks are not all known yet
  std::uint32_t verified = 0;        // streams that are done
  TimePoint began;
  TimePoint total_deadline;
  std::optional<TimePoint> peer_deadline;  // waiting for the source's pools
  std::uint32_t offer_wait_us = 0, grant_us = 0;
  std::string waiting_for;  // what the source lacks, for the message of kNoPeer
};

}  // namespace pegaflow::agent
