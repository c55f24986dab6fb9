// SinkSide: the consuming half of the transfer logic: receives of local engines, grants to sources,
// slots lent to them, chunks handed to the engine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/transfer/context.h"
#include "agent/transfer/sink_stream.h"
#include "agent/transfer/snapshot.h"

namespace pegaflow::agent {

class SinkSide {
 public:
  explicit SinkSide(TransferContext& context);

  // ---- local engines
  void on_receive(ClientPort& client, const wire::RingReceive& request);
  void on_cancel(ClientPort& client, std::uint64_t handle);
  void on_scattered(ClientPort& client, const wire::RingScattered& message);
  void on_stopped(ClientPort& client, const wire::RingStopped& message);
  void on_client_lost(ClientPort& client);
  void on_client_stalled(ClientPort& client);

  // ---- peers
  void on_want(LinkPort& link, const wire::Want& want);
  void on_refuse(LinkPort& link, const wire::Refuse& refuse);
  void on_chunk(LinkPort& link, const wire::Chunk& message);
  void on_return(LinkPort& link, const wire::Return& message);
  void on_abort(LinkPort& link, const wire::Abort& message);
  void on_quiesced(LinkPort& link, const wire::Quiesced& message);
  void on_peer_pool();  // a pool came: waiting receives look again
  void on_link_down(LinkPort& link);
  void on_link_writable(LinkPort& link);
  void on_writer_gone(WriterId writer);

  // Lends free slots to streams that have ready data.
  void distribute(RegionSlots& region);
  // A slot may have come free, however: those that missed one get it. Cheap when none did.
  void lend_starved();
  // Slots lent on mapped links are being filled: the engines that will get them should wake up.
  void on_bell();
  // Looks at the words of slots lent on mapped links. True: something was found.
  bool poll();
  bool polling() const { return !polled_.empty(); }
  // Some of these words are about to change, and no message will come meanwhile: the source said
  // that it has the data, and the engine has nothing left of which it would report the end.
  bool waiting_for_words() const;

  void on_time(TimePoint now);
  std::optional<TimePoint> next_deadline() const;
  void on_gap(Nanos gap);
  bool idle() const { return receives_.empty() && streams_.empty(); }
  std::uint32_t receives() const { return static_cast<std::uint32_t>(receives_.size()); }
  void describe(std::vector<TransferInfo>& out, TimePoint now) const;

 private:
  struct Candidate {
    LinkPort* port = nullptr;
    metrics::LinkProbe* probe = nullptr;
    const PeerPool* pool = nullptr;
  };
  struct Deadline {
    Reason reason = Reason::kNone;
    metrics::Timer timer{};
  };

  // ---- sink_start.cc: from a request to granted streams
  Reason judge(ClientPort& client, const wire::RingReceive& request, std::string& detail) const;
  const LocalPool* pool_of(const Receive& receive) const;
  std::vector<Candidate> candidates(const Source& source) const;
  void start(Receive& receive);
  Status start_streams(Receive& receive, const LocalPool& pool,
                       const std::vector<Candidate>& known);
  Result<std::unique_ptr<SinkStream>> make_stream(Receive& receive, const LocalPool& pool,
                                                  const Candidate& candidate);
  void grant(SinkStream& stream, const LocalPool& pool, const PeerPool& source);
  void release_unread(const Receive& receive, const LocalPool& pool,
                      const std::vector<Candidate>& known) const;
  void drop_unstarted(Receive& receive);

  // ---- sink_credits.cc and sink_data.cc: credits out, chunks in
  std::optional<LentSlot> lend(SinkStream& stream);
  void lend_ahead(SinkStream& stream);
  void recall_eager(RegionSlots& region);
  bool recall_eager_of(SinkStream& stream);
  void send_credits(SinkStream& stream);
  void show_lent(SinkStream& stream);
  bool look(SinkStream& stream);  // at its lent slots' words; true: something was found
  // A chunk lies in `at`; takes it out of `lent`. False: the stream is gone (it was wrong).
  bool accept(SinkStream& stream, std::size_t at, const wire::ScatterSlot& chunk);
  bool admit(SinkStream& stream, std::size_t at, const wire::ScatterSlot& chunk);
  wire::ScatterSlot read_filled(const SinkStream& stream, const LentSlot& lent) const;
  // The client scattered it before we saw that it is filled. False: the stream is gone.
  bool see_scattered(SinkStream& stream, const wire::ScatteredSlot& item);
  bool accept_record(SinkStream& stream, const wire::ChunkRecord& record);
  void hand_over(SinkStream& stream);
  void give_back(SinkStream& stream, std::size_t at);
  void drop_late(const SinkStream& stream, const wire::RemoteSlot& slot);
  void update(SinkStream& stream);  // state and timers follow from the counts; may end the stream
  void update_timers(SinkStream& stream);
  void set_polled(SinkStream& stream);

  // ---- sink_ends.cc and sink_time.cc
  void verified(SinkStream& stream);
  void fail(Receive& receive, Reason reason, const std::string& detail);
  void fail_stream(SinkStream& stream, Reason reason);
  void leave_credits(SinkStream& stream);
  void recover_slots(SinkStream& stream);
  void try_proven(SinkStream& stream);
  void remove(SinkStream& stream);
  void forget(Receive& receive);
  Deadline expired(const SinkStream& stream, TimePoint now) const;
  void end_late_streams(TimePoint now);
  void end_late_receives(TimePoint now);
  void fence_silent_links(TimePoint now);

  SinkStream* find(const StreamKey& key) const;
  SinkStream* on(LinkPort& link, const StreamKey& key) const;
  // Fails the receives that have a stream for which `predicate` holds.
  template <typename Predicate>
  void fail_where(Predicate&& predicate, Reason reason, const std::string& detail);

  TransferContext& context_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Receive>> receives_;  // by xfer
  std::unordered_map<StreamKey, std::unique_ptr<SinkStream>> streams_;
  std::vector<SinkStream*> by_credit_;     // [region][credit stream], flattened by max_streams
  std::vector<SinkStream*> polled_;        // mapped streams with slots lent
  InlineVector<SinkStream*, 64> touched_;  // scratch of distribute()
  std::uint64_t next_xfer_;
  std::uint64_t next_serial_;
};

template <typename Predicate>
void SinkSide::fail_where(Predicate&& predicate, Reason reason, const std::string& detail) {
  std::vector<std::uint64_t> found;
  for (const auto& [key, stream] : streams_) {
    if (stream->receive != nullptr && predicate(*stream)) found.push_back(key.xfer.value);
  }
  for (const std::uint64_t xfer : found) {
    const auto at = receives_.find(xfer);
    if (at != receives_.end()) fail(*at->second, reason, detail);
  }
}

}  // namespace pegaflow::agent
