// SourceStream: one granted stream at P.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/ports.h"
#include "agent/transfer/chunk_set.h"
#include "agent/transfer/offer_book.h"
#include "agent/transfer/region_slots.h"
#include "core/plan.h"
#include "core/stream_states.h"

namespace pegaflow::agent {

// One of our slots that the local client fills, or has filled.
struct OwnSlot {
  SlotIndex slot;
  Generation generation;
};

// A filled own slot on its way: waiting for a credit, being copied, or put.
struct Outbound {
  OwnSlot own;
  memory::SlotHeader header;  // our copy, checked
};

struct SourceStream {
  StreamKey key;
  std::uint64_t serial = 0;  // slots name it
  wire::Grant grant;
  Consumer consumer;
  LinkPort* link = nullptr;
  DataPath path{};
  metrics::LinkProbe* probe = nullptr;
  ClientPort* client = nullptr;  // set when active; none: gone after all had left its blocks
  RegionSlots* region = nullptr;
  core::StreamPlan plan;
  core::SourceState state = core::SourceState::kWaitOffer;
  TimePoint granted;

  std::uint32_t ready = 0;
  bool want_dirty = false;                // WANT is to be sent when the window is open
  ChunkSet gathered;                      // chunks whose bytes have left the blocks
  std::vector<wire::RemoteSlot> credits;  // in hand, not matched with a chunk (not kDirect)
  std::vector<OwnSlot> loaned;            // own slots lent to the client
  std::vector<Outbound> waiting;          // filled, without a credit
  std::uint32_t in_flight = 0;            // slots whose copy or put is not reported yet
  bool moved = false;                     // the first chunk has moved

  OfferId offer() const { return {grant.key, grant.source_pool}; }
  bool direct() const { return path == DataPath::kDirect; }
  std::size_t own_slots() const { return loaned.size() + waiting.size() + in_flight; }
};

}  // namespace pegaflow::agent
