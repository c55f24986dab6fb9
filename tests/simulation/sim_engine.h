// SimEngine: an engine process with the client in it, one small step at a time. What it keeps in
// its books follows src/client, without threads, and it is as slow as the dice want.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/plan.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/sim_session.h"

namespace pegaflow::simulation {

inline constexpr std::uint32_t kFullProgress = 16;  // a computed prompt, in sixteenths
inline constexpr std::uint32_t kHangsAt = 8;

// An engine's promise, as the engine sees it.
struct OfferView {
  std::uint32_t progress = 0;   // computed so far
  std::uint32_t consumers = 0;  // from the first stream
  int results = 0;              // terminal ones that the agent reported
  bool finished = false, withdrawn = false;
  bool hangs = false;  // its computation stops half-way
};

// One attempt to get a key.
struct ReceiveView {
  Key key;
  std::string source;
  std::uint32_t streams = 0;                   // 0: not known yet
  std::map<StreamKey, std::uint32_t> missing;  // chunks not verified
  int results = 0;                             // terminal ones that the agent reported
  bool cancelled = false;                      // its engine asked for it
  EventKind end{};                             // as the client reports it; none yet: no enumerator
  Reason reason = Reason::kNone;
  bool ended() const { return end != EventKind{}; }
};

class SimEngine {
 public:
  SimEngine(Dice& dice, Ledger& ledger, std::string its_instance, Rank its_rank, bool is_source)
      : dice_(dice),
        ledger_(ledger),
        instance(std::move(its_instance)),
        rank(its_rank),
        source(is_source),
        looks(!is_source && dice.one_in(2)) {}

  bool running() const { return alive && !stopped; }
  bool connected() const { return alive && session != nullptr && !session->ended; }
  std::string name() const { return instance + "/" + std::to_string(rank.tp); }
  KvShape shape() const;

  // ---- what its owner asks of it. REQUIRES connected().
  void offer(const Key& key, std::uint32_t n_tokens);
  void compute(const Key& key, std::uint32_t progress);  // less than before: a rewind
  void finish(const Key& key);
  void withdraw(const Key& key);
  std::uint64_t receive(const Key& key, const std::string& from, std::uint32_t n_tokens);
  void cancel(std::uint64_t handle) {
    receives.at(handle).cancelled = true;
    tell(wire::RingCancel{handle});
  }
  void tell(const wire::ClientMessage& message);

  // ---- its mover. False: nothing to do.
  bool take_message();
  bool can_claim() const;
  bool claim_one();
  bool fill_one();
  bool scatter_one();
  // Lent slots that it looks at itself, before the agent tells; as src/client/sink_words.cc does.
  bool can_look() const;
  bool look_one();

  // The connection ended: copies that run are finished, everything else ends here.
  void on_session_ended();
  // The process is killed: its copies may go on until it is known to be gone.
  void kill();
  // … which it is now.
  void bury();

  struct SourceStream {
    wire::RingStream start;
    core::StreamPlan plan;
    std::vector<std::uint32_t> todo;  // chunks not begun
    std::uint32_t begun = 0, ready = 0, gathered = 0;
    std::vector<wire::SlotRef> credits;
  };
  struct SinkStream {
    wire::RingStream start;
    core::StreamPlan plan;
    std::uint32_t source_rank = 0;
    std::set<std::uint32_t> accepted, seen;
  };
  struct Claim {
    StreamKey stream;
    wire::SlotRef ref;
    ClientRegion target;
    ChunkIndex chunk;
    std::uint64_t seed = 0;
    std::uint32_t bytes = 0;
    SimSession* session = nullptr;
  };
  struct Scatter {
    StreamKey stream;
    wire::ScatterSlot slot;
    bool early = false;  // begun before the agent told
  };
  struct Lent {
    StreamKey stream;
    WriterId writer;
    wire::SlotRef ref;
  };
  struct Early {
    StreamKey stream;
    wire::SlotRef ref;
    bool told = false, scattered = false;
  };

 private:
  Dice& dice_;
  Ledger& ledger_;

 public:
  const std::string instance;
  const Rank rank;
  const bool source;
  const bool looks;
  bool alive = true, stopped = false;
  bool was_stalled = false;  // its agent has given it up once
  std::uint64_t incarnation = 0;
  SimSession* session = nullptr;
  std::map<Key, OfferView> offers;
  std::map<std::uint64_t, ReceiveView> receives;
  std::map<StreamKey, SourceStream> sources;
  std::map<StreamKey, SinkStream> sinks;
  std::vector<Claim> claims;
  std::vector<Scatter> scatters;
  std::vector<Lent> lent;
  std::vector<Early> early;

 private:
  void on_stream(const wire::RingStream& start);
  void on_credit(const wire::RingCredit& credit);
  void on_stop(const wire::RingStop& stop);
  void on_lent(const wire::RingLent& message);
  void on_scatter(const wire::RingScatter& message);
  bool filled(const Lent& slot) const;
  bool told_early(const Scatter& work, bool current);  // and forgets it, once scattered
  void on_result(const wire::RingResult& result);
  void on_offer_result(const wire::RingResult& result);
  void on_receive_result(const wire::RingResult& result);
  std::uint32_t ready_chunks(const SourceStream& stream) const;
  void fill(const Claim& claim);
  void give_up(const Claim& claim);
  void finished(const Claim& claim, bool voided);
  void judge(const ReceiveView& receive, const wire::RingResult& result);
  void end(ReceiveView& receive, EventKind kind, Reason reason);

  std::uint64_t next_handle_ = 1;
};

}  // namespace pegaflow::simulation
