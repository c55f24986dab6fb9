// Session: an engine process's connection to its node's agent. The engine-side API: pools, offers,
// receives, and one event stream. Contains no UCX; one extra thread, the mover, does all copying.
//
// Thread safety: every call may come from any thread of the process that made the session; calls
// are ordered per thread. After fork() the child's copy is inert (kFailedPrecondition).
// Nothing blocks on the network except connect() and add_pool() (both with a deadline) and wait().
// rewind(), withdraw() and table(replace) wait for copies that have begun, never for the agent
// (with a stream they wait for launches only); all other calls take a microsecond or two. No call
// waits for the GPU.
//
// Errors that any call may return: kUnavailable (the agent is lost), kResourceExhausted (a limit of
// the config, or the agent does not keep up), kNotFound (no such pool; no such offer or receive: it
// never was, or has ended), kInvalidArgument (the message names value and expectation),
// kUnsupported (CUDA memory or streams without a GPU in the session's config; content keys).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pegaflow/key.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"
#include "pegaflow/transfer.h"

namespace pegaflow {

enum class SessionRole : std::uint8_t { kWorker = 1, kControl = 2 };

struct SessionConfig {
  std::string socket_path;  // the agent's Unix socket
  SessionRole role = SessionRole::kWorker;
  std::string instance;  // this engine deployment, 1 … 64 bytes
  Rank rank;
  // The GPU on which all pools of this session lie: its UUID ("GPU-…") or its ordinal among those
  // that this process sees ("0"). Empty: host memory.
  std::string gpu;
  std::chrono::milliseconds connect_timeout{5000};
  std::uint32_t max_offers = 1024;    // live at once
  std::uint32_t max_receives = 1024;  // live at once; as many intents may wait beside them
  std::uint32_t max_events = 8192;    // unread ones, and those that live work may still cause; more
                                      // work is refused when full
};

// Where the engine's work is ordered: a CUDA stream handle (CUstream), as an integer. A call that
// names a stream speaks of the work that the stream was given so far; it records an event of the
// client's there and returns. Without one (host memory has none), what the call says holds when it
// is made, and what is marked ready does not overtake what was marked before for the same offer.
using StreamHandle = std::uint64_t;
inline constexpr StreamHandle kNoStream = 0;

struct PoolHandle {
  std::uint32_t value = 0;
};

struct LayerRange {
  std::uint32_t begin = 0, end = 0;  // in this rank's own layers of the group, 0-based
};
struct TokenInterval {
  std::uint32_t begin = 0, end = 0;
};

struct OfferSpec {
  Key key;
  PoolHandle pool;
  std::uint32_t n_tokens = 0;  // of the whole prompt
  ContentHash content{};
  std::chrono::milliseconds lease{0};  // 0: the topology's default
};

// What a receive fills, per group of the pool: tokens [begin, end), and the ids of the blocks that
// hold them, from block begin / block_tokens on. Empty interval: this group is not wanted.
struct ReceiveGroup {
  TokenInterval tokens;
  std::vector<std::uint32_t> block_ids;
};

struct ReceiveSpec {
  Key key;
  PoolHandle pool;
  Source source;
  std::uint32_t n_tokens = 0;
  ContentHash content{};
  OfferReference reference = 0;      // 0: none
  std::vector<ReceiveGroup> groups;  // one per group of the pool
  StreamHandle after = kNoStream;    // blocks may be written only after this stream's work so far
  std::chrono::milliseconds offer_wait{0}, compute{0}, total{0};  // 0: the topology's defaults
  std::uint64_t trace_id = 0;
};

struct IntendSpec {
  Key key;
  Source source;
  std::uint32_t n_tokens = 0;
  ContentHash content{};
  Fingerprint fingerprint{};
  OfferReference reference = 0;
};

// One request's tokens computed in a step.
struct StepSpan {
  Key key;
  TokenInterval tokens;
};

class Session {
 public:
  // Connects and negotiates. kUnavailable: no agent there; kDeadlineExceeded: it did not answer;
  // with a GPU, kUnsupported: this build or machine has no CUDA, kNotFound: no such GPU here.
  // Everything that GPU copies need is made here and in add_pool(), in the GPU's primary context.
  static Result<std::unique_ptr<Session>> connect(const SessionConfig& config);
  // Stops the mover, fails what is live without reporting, closes the connection.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // ---- pools (worker sessions only; before the first offer or receive that names them)
  // The memory stays the engine's and must outlive the session. shape.rank is the session's rank;
  // shape.incarnation, shape.gpu_uuid and the groups' inner_order are filled in here. The layout's
  // memory is that of the session: kCuda with a GPU in its config.
  Result<PoolHandle> add_pool(const KvLayout& layout);

  // ---- producing
  // This process's incarnation, the reference that travels to D.
  OfferReference reference() const;
  Status offer(const OfferSpec& offer);
  // Block ids of `group` from block index `first` on. The known blocks are one interval, which
  // grows at its ends; ids beyond the sequence's last block are ignored (engines allocate ahead).
  // Known ids do not change, unless `replace` says to forget them all; then no copy reads the old
  // blocks any more when the call returns, or what `stream` is given from then on waits for those
  // that do. What was marked ready stays so.
  Status table(const Key& key, std::uint32_t group, std::uint32_t first,
               std::span<const std::uint32_t> ids, bool replace, StreamHandle stream = kNoStream);
  // Tokens [0, end) of all layers and groups are in the blocks once `stream`'s work so far is done
  // (prefix cache). Not for blocks that a step still to come fills: engines find blocks in their
  // prefix cache that another request of the same step computes; let the step's span begin at 0.
  Status mark_cached(const Key& key, std::uint32_t end, StreamHandle stream = kNoStream);
  // Tokens of these layers are in the blocks once `stream`'s work so far is done. tokens.begin must
  // not lie beyond what these layers have ready already.
  Status mark_ready(const Key& key, std::uint32_t group, LayerRange layers, TokenInterval tokens,
                    StreamHandle stream = kNoStream);
  // One call per layer for all requests of an engine step. Keys whose offer has ended are left out
  // (the event tells); tokens.begin must be marked in all layers. One step at a time. When
  // thousands of marks wait for the GPU, layers are left to end_step(), and if that finds no room,
  // it is refused and the step stays open: call it again.
  Status begin_step(std::span<const StepSpan> spans);
  Status layer_done(std::uint32_t group, std::uint32_t layer, StreamHandle stream = kNoStream);
  Status end_step(StreamHandle stream = kNoStream);  // marks every layer that was not marked
  // Tokens from `token` on are not ready any more, nor will what was marked before make them so.
  // Gathers of them that are not launched are dropped; launched ones have ended on return or, with
  // a stream, are waited for on the GPU by what the stream is given from then on.
  Status rewind(const Key& key, std::uint32_t token, StreamHandle stream = kNoStream);
  // The same for the whole offer, and the offer ends kWithdrawn.
  Status withdraw(const Key& key, Reason reason, StreamHandle stream = kNoStream);
  // No offer of this key is to come from this session: who asks for it, or will, is refused
  // (Reason::kGone or kReleased) at once and not after the topology's offer_wait. For prompts that
  // will not be computed, and for offers that were lost with an agent. kFailedPrecondition: it is
  // offered; withdraw it.
  Status disown(const Key& key);
  // No more tokens will become ready. Of use to nobody, but no error, when the offer has ended by
  // itself a moment ago (one of the last 256): its consumers may be done before this call.
  Status finish(const Key& key);

  // ---- consuming
  Status intend(const IntendSpec& intent);  // → kOffered or kRefused
  Status receive(const ReceiveSpec& spec);  // → exactly one of kDone, kFailed, kCancelled
  Status cancel(const Key& key);            // of a receive
  Status release(const Key& key, const Source& source, OfferReference reference = 0);

  // ---- events
  std::vector<Event> poll();                                   // what is there, oldest first
  std::vector<Event> wait(std::chrono::milliseconds timeout);  // until something is there
  int event_fd() const;  // readable while events are unread; for the engine's own loop

  // The agent is there and answers. False after its death: live transfers have ended kAgentLost;
  // make a new session.
  bool alive() const;

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pegaflow
