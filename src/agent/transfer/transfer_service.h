// TransferService: the transfer logic of an agent, above the seam of ports.h. Receives every event
// of clients, links and copier on the loop thread, keeps all deadlines, does no I/O of its own.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "agent/ports.h"
#include "agent/transfer/context.h"
#include "agent/transfer/intents.h"
#include "agent/transfer/sink_side.h"
#include "agent/transfer/snapshot.h"
#include "agent/transfer/source_side.h"

namespace pegaflow::agent {

// How often quarantined slots are looked at.
inline constexpr Millis kSweepEvery{20};

class TransferService final : public ClientEvents, public LinkEvents, public CopyEvents {
 public:
  // Everything passed by reference outlives the service. Resets the slot words of `regions`.
  TransferService(const TransferConfig& config, const Clock& clock,
                  std::span<memory::Region* const> regions, Copier& copier,
                  metrics::AgentProbe& probe);
  TransferService(const TransferService&) = delete;
  TransferService& operator=(const TransferService&) = delete;

  // ---- ClientEvents
  void on_client(ClientPort& client) override;
  void on_pool(ClientPort& client, const LocalPool& pool) override;
  void on_client_message(ClientPort& client, const wire::ClientMessage& message) override;
  void on_client_lost(ClientPort& client, const Error& why) override;
  void on_client_stalled(ClientPort& client) override;
  void on_client_resumed(ClientPort& client) override;

  // ---- LinkEvents
  void on_link_up(LinkPort& link) override;
  void on_link_down(LinkPort& link, const Error& why) override;
  void on_peer_pool(LinkPort& link, const PeerPool& pool) override;
  void on_peer_pool_gone(LinkPort& link, const PeerPool& pool) override;
  void on_control(LinkPort& link, const wire::ControlMessage& message) override;
  void on_link_writable(LinkPort& link) override;
  void on_flushed(LinkPort& link, std::uint64_t token, const Status& status) override;
  void on_writer_gone(WriterId writer) override;

  // ---- CopyEvents
  void on_copied(std::uint64_t token, CopyOutcome outcome, Nanos took) override;

  // Looks at the words of slots that writers of mapped links fill. True: found something.
  // A writer of one of our regions begins to fill slots.
  void on_bell() { sink_.on_bell(); }
  bool poll();
  // Such slots are out: poll() must be called often.
  bool polling() const { return sink_.polling(); }
  // The same, and no message will lead us to look at them.
  bool waiting_for_words() const { return sink_.waiting_for_words(); }
  // Some stream or receive is live: peers and clients must be heard, ticks matter.
  bool busy() const { return !sink_.idle() || !source_.idle(); }

  // Judges deadlines; call at or after next_deadline(). None: nothing waits.
  void on_time(TimePoint now);
  std::optional<TimePoint> next_deadline() const;
  // The process itself did not run for `gap`: all deadlines move by it.
  void on_gap(Nanos gap);

  // No new grants, receives or offers from here on.
  void drain() { context_.draining = true; }
  bool drained() const { return sink_.idle() && source_.idle(); }
  // Slots of the scarcest region that are not retired, as a share (0 … 1).
  double usable_share() const;
  // Some region has fewer usable slots than one window.
  bool short_of_slots() const;

  TransferSnapshot snapshot() const;
  void report();  // slot counts to the probe

 private:
  struct FromClient;
  struct FromPeer;
  // After each event: one region serves both sides, and slots come free in many ways.
  void lend_starved();
  void note_staging();  // which regions our own source side needs slots of
  TransferContext context_;
  SourceSide source_;
  SinkSide sink_;
  Intents intents_;
};

}  // namespace pegaflow::agent
