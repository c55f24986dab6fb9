// Receive and SinkStream: what SinkBook keeps of a receive and of each stream that fills it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strong_id.h"
#include "client/pool_table.h"
#include "client/scatter_progress.h"
#include "core/checksum.h"
#include "core/copy_runs.h"
#include "core/plan.h"
#include "pegaflow/session.h"
#include "pegaflow/transfer.h"
#include "wire/ring.h"

namespace pegaflow::client {

struct Receive;

// A scatter that began before the agent said so.
struct EarlyScatter {
  wire::SlotRef slot;
  bool told = false;     // SCATTER came meanwhile
  bool running = false;  // or waits for its turn
};

struct SinkStream {
  SinkStream(const wire::RingStream& message, Receive& of_receive, core::StreamPlan stream_plan,
             core::ChecksumKind checksum_kind);

  StreamKey key;
  Receive* receive;
  core::StreamPlan plan;
  ScatterProgress progress;
  core::ChecksumKind checksum;
  std::uint32_t copies = 0;           // scatters that run now
  bool stopping = false;              // no new scatters; RingStopped when no copy runs
  Nanos gather{}, wire{}, scatter{};  // sums over its chunks
  bool shown = false;                 // slots are shown to this client when they are lent
  WriterId writer;                    // whom the slots are lent to
  std::uint32_t unheard = 0;          // scattered, without the agent having been woken for it
  std::vector<wire::SlotRef> lent;    // slots that it may fill, whose words are looked at here
  std::vector<EarlyScatter> early;    // those that run, or that SCATTER has not come for
};

struct Receive {
  // REQUIRES: the spec was checked against the pool.
  Receive(const ReceiveSpec& spec, std::uint64_t number, const LocalPool& of_pool);

  Key key;
  std::uint64_t handle;
  const LocalPool* pool;
  std::vector<core::TokenRange> tokens;         // per group
  std::vector<std::vector<std::uint32_t>> ids;  // per group
  std::vector<core::TableView> tables;          // of ids
  TimePoint started{}, deadline{};
  Nanos offer_wait{}, grant{};
  std::uint64_t last_ready_ns = 0;
  std::uint32_t expected = 0;                        // streams; 0: not known yet
  std::uint32_t complete = 0;                        // streams of which every chunk is in place
  std::vector<std::unique_ptr<SinkStream>> streams;  // all that ever began
  std::uint32_t copies = 0;
  bool gated = false;        // the blocks may not be written yet: its scatters wait
  bool cancelled = false;    // RingCancel was sent
  bool damaged = false;      // a chunk failed: it cannot end well any more
  std::optional<Event> end;  // decided; reported when no copy runs
};

// How many tokens of group 0, from its range's start, are in place in all layers and heads.
std::uint32_t valid_tokens(const Receive& receive);
// Sums over streams in parallel are their longest (transfer.h).
TransferStats stats_of(const Receive& receive, TimePoint now);

}  // namespace pegaflow::client
