// Offer and SourceStream: what SourceBook keeps of a promise and of each stream that reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/strong_id.h"
#include "client/block_table.h"
#include "client/consumer_tally.h"
#include "client/gather_progress.h"
#include "client/intrusive_list.h"
#include "client/pool_table.h"
#include "client/ready_map.h"
#include "core/checksum.h"
#include "core/plan.h"
#include "pegaflow/transfer.h"
#include "wire/ring.h"

namespace pegaflow::client {

struct DirtyTag {};       // offers whose streams must look again at what is ready
struct RunnableTag {};    // streams with a credit and a ready chunk
struct UnreportedTag {};  // streams whose ready count the agent does not know yet

struct SourceStream;

struct Offer : ListHook<DirtyTag> {
  Offer(const Key& offer_key, const LocalPool& of_pool, std::uint32_t tokens);

  Key key;
  const LocalPool* pool;
  ReadyMap ready;
  ReadyMap announced;              // ready once every mark that is queued has passed
  std::uint64_t last_mark = 0;     // number of the last queued mark that names this offer
  std::vector<BlockTable> tables;  // one per group
  std::vector<std::vector<std::uint32_t>> old_tables;  // replaced while a copy was reading them
  std::uint64_t marked_ns = 0;                         // when tokens were last marked ready
  std::vector<SourceStream*> streams;                  // live ones
  ConsumerTally consumers;
  std::uint32_t copies = 0;  // gathers that run now
  bool sent = false;         // kSent was reported: no stream may begin
  bool finished = false;     // no more tokens become ready
  std::optional<Event> end;  // decided; reported when no copy runs
  std::string trouble;       // what went wrong with a stream, for the event's detail
};

struct SourceStream : ListHook<RunnableTag>, ListHook<UnreportedTag> {
  SourceStream(const wire::RingStream& message, Offer& of_offer, core::StreamPlan stream_plan,
               core::ChecksumKind checksum_kind);

  StreamKey key;
  Offer* offer;
  core::StreamPlan plan;
  GatherProgress progress;
  std::vector<wire::SlotRef> credits;  // oldest first
  core::ChecksumKind checksum;
  std::uint32_t gathered = 0;  // chunks
  std::uint32_t copies = 0;    // that run now
  std::uint32_t reported_ready = 0;
  bool reported = false;  // the agent was told a count at all
  bool stopping = false;  // no new claims; RingStopped when no copy runs
  bool far = false;       // the last slot was another node's: its bytes cross the link at once
  std::uint32_t burst_chunks = 1;  // that leave together over such a link; the last may be fewer
};

}  // namespace pegaflow::client
