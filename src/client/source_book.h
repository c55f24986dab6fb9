// SourceBook: the offers of a session and the streams that read them. Decides what is gathered
// next; copies nothing itself. Everything REQUIRES the session's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "client/event_queue.h"
#include "client/mark_queue.h"
#include "client/offer.h"
#include "client/outbox.h"
#include "client/region_table.h"
#include "client/source_steps.h"
#include "pegaflow/session.h"

namespace pegaflow::client {

// Tokens that are in the blocks once a mark has passed: of one offer, or of all in a step.
struct ReadyEffect {
  Offer* offer = nullptr;  // null: it has ended, or it is a step's
  Step* step = nullptr;
  TokenInterval tokens{};  // of the offer; a step has its own
  bool all_layers = false;
  std::uint32_t group = 0;  // unless all_layers
  LayerRange layers{};
};

// A claimed slot, and what to copy into it.
struct Gather {
  SourceStream* stream = nullptr;
  ChunkIndex chunk;
  wire::SlotRef slot;
  MappedSlots* region = nullptr;
  std::uint64_t number = 0;  // of this copy, counted over the session
};

class SourceBook {
 public:
  // Both outlive this. `burst_bytes`: Mover::burst_bytes().
  SourceBook(Outbox& outbox, EventQueue& events, std::uint32_t max_offers,
             std::uint64_t burst_bytes);

  // ---- for the engine's threads (session.h says what they mean); offers.cc
  Status offer(const OfferSpec& spec, const LocalPool& pool);
  Status extend_table(const Key& key, std::uint32_t group, std::uint32_t first,
                      std::span<const std::uint32_t> ids, std::uint64_t now_ns);
  // Running copies go on reading the old table; fence_point tells until when.
  Status replace_table(const Key& key, std::uint32_t group, std::uint32_t first,
                       std::span<const std::uint32_t> ids, std::uint64_t now_ns);
  // With a mark, tokens are ready when it has passed; it is taken out of `mark` if it was queued.
  // Without, at once, but not before what is queued for the same offer.
  Status mark_cached(const Key& key, std::uint32_t end, std::uint64_t now_ns, memory::Mark& mark);
  Status mark_ready(const Key& key, std::uint32_t group, LayerRange layers, TokenInterval tokens,
                    std::uint64_t now_ns, memory::Mark& mark);
  Status begin_step(std::span<const StepSpan> spans);
  // When there is little room for marks, a layer is left to end_step.
  Status layer_done(std::uint32_t group, std::uint32_t layer, std::uint64_t now_ns,
                    memory::Mark& mark);
  Status end_step(std::uint64_t now_ns, memory::Mark& mark);
  // The step that is open concerns nobody: its marks need not be recorded.
  bool step_is_empty() const { return steps_.open() == nullptr || steps_.open()->entries.empty(); }
  Status rewind(const Key& key, std::uint32_t token, std::uint64_t now_ns);
  Status withdraw(const Key& key, Reason reason);
  Status disown(const Key& key);
  Status finish(const Key& key);  // does not wake the agent for it
  // Until copies_ended(the result), a copy may run that reads what the offer holds now; none: no
  // copy of it runs. Hold it from the moment on at which new copies are ruled out.
  std::optional<std::uint64_t> fence_point(const Key& key) const;
  bool copies_ended(std::uint64_t up_to) const;
  // They were handed to the GPU at least.
  bool copies_launched(std::uint64_t up_to) const { return launched_copies_ >= up_to; }
  bool live(const Key& key) const { return offers_.contains(key); }

  // ---- for the mover; source_streams.cc
  // `plan`: as computed here from the message's pools.
  // `reader` may be null when the plan is an error.
  void on_stream(const wire::RingStream& message, const PeerPool* reader,
                 Result<core::StreamPlan> plan);
  // The stream cannot go on: `why` becomes part of its offer's detail.
  void fail_stream(StreamKey stream, const std::string& why);
  void on_credit(const wire::RingCredit& message);
  bool on_stop(StreamKey stream);  // false: no such stream
  void on_result(const wire::RingResult& message);
  // Brings up to `max_offers` offers up to date; true if others remain.
  bool refresh(std::size_t max_offers);
  // Says ready counts that the agent does not know; unhurried, see Outbox.
  void report();
  // Claims a slot for the next ready chunk. Revoked credits are dropped on the way.
  std::optional<Gather> claim(RegionTable& regions);
  // Everything claimed so far was given to the mover.
  void launched() { launched_copies_ = started_copies_; }
  // What waits for the engine's streams; ready_marks.cc.
  MarkQueue<ReadyEffect>& marks() { return marks_; }
  // The first of them was reached.
  void mark_passed(std::uint64_t now_ns);
  // The copy ended; ok: the slot is FILLED.
  void finished(const Gather& gather, bool ok);
  // The agent is gone: every offer ends. REQUIRES: no copy runs.
  void end_all(const std::string& why);
  bool idle() const { return offers_.empty(); }
  bool streaming() const { return !streams_.empty(); }
  // The engine changed something that the mover should look at.
  bool mover_needed() const {
    return !dirty_.empty() || !unreported_.empty() || !runnable_.empty() || !marks_.empty();
  }

 private:
  Result<Offer*> find(const Key& key);
  bool has_marks(const Offer& offer) const { return offer.last_mark > marks_.popped(); }
  bool must_queue(const Offer& offer, memory::Mark mark) const {
    return mark.value != 0 || has_marks(offer);
  }
  void mark_offer(const ReadyEffect& effect, std::uint64_t now_ns, memory::Mark& mark);
  Status check_room(bool queued) const;
  bool must_queue(const Step& step, memory::Mark mark) const;
  void mark_step(const ReadyEffect& effect, std::uint64_t now_ns, memory::Mark& mark);
  void apply(const ReadyEffect& effect, std::uint64_t now_ns);
  void apply_to(Offer& offer, const ReadyEffect& effect, TokenInterval tokens,
                std::uint64_t now_ns);
  void cut_marks(const Offer& offer, std::uint32_t token);
  Status check_step(std::uint32_t group, std::uint32_t layer) const;
  void touch(Offer& offer, std::uint64_t now_ns);
  std::uint32_t burst_chunks(const core::StreamPlan& plan) const;
  void refresh_stream(SourceStream& stream);
  bool runnable(const SourceStream& stream) const;
  bool claim_from(SourceStream& stream, RegionTable& regions, Gather& out);
  void void_claim(const Gather& gather);
  void all_left(SourceStream& stream);
  void stopped(SourceStream& stream);
  void erase_stream(SourceStream& stream);
  void report_sent(Offer& offer);
  void end(Offer& offer, EventKind kind, Reason reason, std::string detail);
  void settle(Offer& offer);

  Outbox& outbox_;
  EventQueue& events_;
  std::uint32_t max_offers_;
  std::uint64_t burst_bytes_;
  std::unordered_map<Key, std::unique_ptr<Offer>> offers_;
  std::unordered_map<StreamKey, std::unique_ptr<SourceStream>> streams_;
  IntrusiveList<Offer, DirtyTag> dirty_;
  IntrusiveList<SourceStream, RunnableTag> runnable_;
  IntrusiveList<SourceStream, UnreportedTag> unreported_;
  StepPool steps_;
  MarkQueue<ReadyEffect> marks_;
  std::uint64_t started_copies_ = 0, launched_copies_ = 0;
  std::vector<std::uint64_t> running_copies_;  // their numbers
  // The last offers that ended, the oldest overwritten first: their engines may not know yet.
  std::vector<Key> just_ended_;
  std::size_t next_ended_ = 0;
};

}  // namespace pegaflow::client
