// SinkBook: the receives of a session and the streams that fill them. Decides what is scattered
// next; copies nothing itself. Everything REQUIRES the session's lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "client/event_queue.h"
#include "client/mark_queue.h"
#include "client/outbox.h"
#include "client/receive.h"
#include "client/region_table.h"

namespace pegaflow::client {

// A filled slot, and where it goes.
struct Scatter {
  SinkStream* stream = nullptr;
  wire::ScatterSlot slot;
  MappedSlots* region = nullptr;
};

class SinkBook {
 public:
  // Both outlive this.
  SinkBook(Outbox& outbox, EventQueue& events, std::uint32_t max_receives);

  // ---- for the engine's threads
  // `deadline`: when this client ends it itself, should the agent not. With a mark, nothing is
  // scattered before it has passed; it is taken out of `mark`. REQUIRES check_receive.
  Status receive(const ReceiveSpec& spec, const LocalPool& pool, TimePoint now, TimePoint deadline,
                 memory::Mark& mark);
  Status cancel(const Key& key);

  // ---- for the mover
  // `plan`: as computed here from the message's pools. `writer` may be null when it is an error.
  void on_stream(const wire::RingStream& message, const PeerPool* writer,
                 Result<core::StreamPlan> plan, TimePoint now);
  // The receive of this stream cannot go on.
  void fail_stream(StreamKey stream, const std::string& why, TimePoint now);
  // REQUIRES room_for_scatters().
  void on_scatter(const wire::RingScatter& message, RegionTable& regions, TimePoint now);
  bool on_stop(StreamKey stream);  // false: no such stream
  void on_result(const wire::RingResult& message, TimePoint now);
  bool room_for_scatters() const;
  // Receives, by handle, whose blocks the engine's streams may still use.
  MarkQueue<std::uint64_t>& marks() { return marks_; }
  // The first of them may be written now.
  void mark_passed();
  // The next scatter, whose slot's word was checked.
  std::optional<Scatter> next(RegionTable& regions);
  // The copy ended after `took`; ok: verified, as far as integrity is on. True: the agent should
  // hear of it at once; slots that come back later are in time.
  bool finished(const Scatter& scatter, bool ok, Nanos took, TimePoint now);

  // ---- slots that are looked at before the agent tells (ADR 105); sink_words.cc
  void on_lent(const wire::RingLent& message);
  // Queues what lent slots hold by now.
  void look_at_words(RegionTable& regions);
  // A lent slot is being written, when they were looked at last.
  bool filling() const { return filling_; }
  bool watching() const { return !watched_.empty(); }
  // One of those that are looked at; null: none is.
  const wire::SlotRef* watched() const;

  // Ends receives whose deadline has passed.
  void expire(TimePoint now);
  void extend_deadlines(Nanos by);
  // The agent is gone: every receive ends. REQUIRES: no copy runs.
  void end_all(const std::string& why, TimePoint now);
  bool idle() const { return receives_.empty(); }
  // The engine changed something that the mover should look at.
  bool mover_needed() const { return !marks_.empty(); }
  const Receive* find(std::uint64_t handle) const;

 private:
  struct Queued {
    StreamKey stream{};
    wire::ScatterSlot slot;
    bool early = false;  // the agent did not tell of it yet
  };
  Status check_stream(const wire::RingStream& message, const Receive& receive) const;
  void refuse(StreamKey stream, const wire::ScatterSlot& slot);
  void sift_held();
  void stopped(SinkStream& stream);
  static bool needs_slots_soon(SinkStream& stream);
  void forget(SinkStream& stream);
  // sink_words.cc
  bool look_at(SinkStream& stream, const wire::SlotRef& slot, RegionTable& regions);
  void begin_early(SinkStream& stream, const wire::SlotRef& slot, const memory::SlotHeader& header);
  bool began_early(SinkStream& stream, const wire::SlotRef& slot);
  void drop_early(SinkStream& stream, const wire::ScatterSlot& slot);
  void ended_early(SinkStream& stream, const wire::SlotRef& slot);
  void note_complete(SinkStream& stream, TimePoint now);
  // Ends it and tells the agent to stop.
  void fail(Receive& receive, Reason reason, std::string detail, TimePoint now);
  void end(Receive& receive, EventKind kind, Reason reason, std::string detail, TimePoint now);
  void settle(Receive& receive, TimePoint now);

  Outbox& outbox_;
  EventQueue& events_;
  std::uint32_t max_receives_;
  std::uint64_t last_handle_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Receive>> receives_;  // by handle
  std::unordered_map<Key, std::uint64_t> handles_;                        // of live keys
  std::unordered_map<StreamKey, SinkStream*> streams_;  // those that may be given scatters
  FixedFifo<Queued> queue_;
  FixedFifo<Queued> held_;  // of receives that are gated; queue_ has room for all of them
  MarkQueue<std::uint64_t> marks_;
  bool filling_ = false;
  std::vector<SinkStream*> watched_;  // streams with lent slots that are known here
};

}  // namespace pegaflow::client
