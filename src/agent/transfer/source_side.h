// SourceSide: the producing half of the transfer logic: offers of local engines, streams granted by
// peers, and the way of a filled slot to the peer (by the engine itself, by copy, or by put).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "agent/transfer/context.h"
#include "agent/transfer/offer_book.h"
#include "agent/transfer/outbox.h"
#include "agent/transfer/snapshot.h"
#include "agent/transfer/source_stream.h"

namespace pegaflow::agent {

class SourceSide {
 public:
  explicit SourceSide(TransferContext& context);

  // ---- local engines
  void on_client(ClientPort& client) { clients_.push_back(&client); }
  void on_offer(ClientPort& client, const wire::RingOffer& message);
  void on_ready(ClientPort& client, const StreamKey& key, std::uint32_t ready);
  void on_withdraw(ClientPort& client, const wire::RingWithdraw& message);
  void on_finish(ClientPort& client, const wire::RingFinish& message);
  void on_gathered(ClientPort& client, const wire::RingGathered& message);
  void on_left(ClientPort& client, const StreamKey& key);
  void on_stopped(ClientPort& client, const wire::RingStopped& message);
  void on_client_lost(ClientPort& client);
  void on_client_stalled(ClientPort& client);
  // A local client's process has ended; its session may end later. Before its slots are freed.
  void on_writer_gone(WriterId writer);

  // ---- peers
  void on_grant(LinkPort& link, const wire::Grant& grant);
  void on_credit(LinkPort& link, const wire::Credit& credit);
  void on_revoke(LinkPort& link, const wire::Revoke& revoke);
  void on_done(LinkPort& link, const wire::Done& done);
  void on_abort(LinkPort& link, const wire::Abort& abort);
  void on_intend(LinkPort& link, const wire::Intend& intend);
  void on_release(LinkPort& link, const wire::Release& release);
  void on_link_down(LinkPort& link);
  void on_link_writable(LinkPort& link);
  void on_peer_pool_gone(LinkPort& link, PoolId pool);

  // ---- data
  void on_flushed(LinkPort& link, std::uint64_t token, const Status& status);
  void on_copied(std::uint64_t token, CopyOutcome outcome, Nanos took);

  // An own slot may have come free: streams that missed one get it. Cheap when none did.
  void lend_starved();

  void on_time(TimePoint now);
  std::optional<TimePoint> next_deadline() const;
  void on_gap(Nanos gap);
  bool idle() const { return streams_.empty(); }
  std::uint32_t offers() const { return static_cast<std::uint32_t>(offers_.size()); }
  void describe(std::vector<TransferInfo>& out, TimePoint now) const;

 private:
  struct WaitingIntent {
    LinkPort* link;
    wire::Intend intend;
    TimePoint deadline;
  };
  using Streams = std::unordered_map<StreamKey, std::unique_ptr<SourceStream>>;

  // A stream of this client that is active; nullptr for late or made-up ones.
  SourceStream* active_of(ClientPort& client, const StreamKey& key);
  SourceStream* on(LinkPort& link, const StreamKey& key);
  const LocalPool* pool(PoolId id, ClientPort*& owner) const;

  // Why this grant must be refused; kNone: it may become a stream.
  Reason judge(LinkPort& link, const wire::Grant& grant, const PeerPool* sink) const;
  bool busy(LinkPort& link, const wire::Grant& grant) const;
  void refuse(LinkPort& link, const wire::Grant& grant, Reason reason);
  void activate(SourceStream& stream, Offer& offer);
  void answer(const WaitingIntent& waiting, const Offer& offer);
  void answer_waiting(const Offer& offer);

  // These may end the stream; false: it is gone.
  bool forward_credit(SourceStream& stream, const wire::RemoteSlot& remote);
  void send_want(SourceStream& stream);
  // Moves what can move: filled slots to credits in hand, own slots to the client.
  void pump(SourceStream& stream);
  void lend(SourceStream& stream);
  Status accept_gathered(SourceStream& stream, const wire::GatheredSlot& item);
  bool send_out(SourceStream& stream);  // false: the stream is gone
  bool copy_out(SourceStream& stream);
  bool put_out(SourceStream& stream);
  Status put_batch(SourceStream& stream, Batch& batch);
  void finish_batch(const Batch& batch, bool delivered, Nanos took);
  std::uint32_t own_slots_of(const LinkPort& link) const;

  void complain(const SourceStream& stream, const std::string& what) const;
  void mark_left(SourceStream& stream);
  // The stream ends without DONE. `tell`: the peer does not know yet.
  void abort(SourceStream& stream, Reason reason, bool tell);
  void try_drained(SourceStream& stream);
  // Its engine is gone or stands still: what has left the blocks goes on, the rest ends.
  void lose_engine(SourceStream& stream);
  void take_back(SourceStream& stream);  // slots lent to the client
  void detach(SourceStream& stream);     // from its offer
  void remove(SourceStream& stream);
  void close_offer(Offer& offer, EventKind kind, Reason reason);
  void disown(const OfferId& id);  // it is not offered, nor will be
  // abort() of one stream may end others: so by key, looked up again each time.
  template <typename Predicate>
  std::vector<StreamKey> select(Predicate&& predicate) const;
  template <typename Predicate>
  void abort_all(Predicate&& predicate, Reason reason, bool tell);
  SourceStream* find(const StreamKey& key) const;

  TransferContext& context_;
  OfferBook offers_;
  Streams streams_;
  std::unordered_map<std::uint64_t, SourceStream*> by_serial_;
  std::vector<WaitingIntent> intents_;
  std::vector<ClientPort*> clients_;
  Outbox outbox_;
  std::uint64_t next_serial_ = 1;
  bool starved_ = false;  // an own slot was missing
};

template <typename Predicate>
std::vector<StreamKey> SourceSide::select(Predicate&& predicate) const {
  std::vector<StreamKey> found;
  for (const auto& [key, stream] : streams_) {
    if (predicate(*stream)) found.push_back(key);
  }
  return found;
}

template <typename Predicate>
void SourceSide::abort_all(Predicate&& predicate, Reason reason, bool tell) {
  for (const StreamKey& key : select(predicate)) {
    if (SourceStream* stream = find(key); stream != nullptr) abort(*stream, reason, tell);
  }
}

}  // namespace pegaflow::agent
