// What a transfer is named by, how it may end, and what its end reports.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pegaflow/key.h"

namespace pegaflow {

// Which engine deployment (all its TP and PP ranks of one DP replica) holds the KV.
struct Source {
  std::string instance;  // ≤ 64 bytes, e.g. "prefill-0"
  std::uint32_t dp = 0;
  auto operator<=>(const Source&) const = default;
};

// P's client incarnation; travels to D in the engine's request parameters when D is called after P.
// A dead incarnation is answered kGone at once. 0: none.
using OfferReference = std::uint64_t;

enum class EventKind : std::uint8_t {
  kOffered = 1,  // intend: every rank of the source holds the offer
  kRefused,      // intend: see reason
  kSent,         // offer: blocks reusable; not terminal
  kDone,         // offer or receive: terminal, all bytes verified at D
  kFailed,       // offer or receive: terminal, see reason
  kCancelled,    // receive: terminal, the caller cancelled
  kUnconfirmed,  // offer: terminal, link ended after the last chunk; do not send again
  kExpired,      // offer: terminal, lease ended
  kWithdrawn,    // offer: terminal, the engine withdrew
};

// Why a transfer failed or was refused. Numbers travel; never renumber.
enum class Reason : std::uint8_t {
  kNone = 0,
  kBusy = 1,         // the key is being received already
  kReleased = 2,     // the offer is closed (sent, withdrawn, expired, released)
  kGone = 3,         // the offering engine's incarnation is dead
  kPlan = 4,         // shapes cannot be matched, or the two plans differ
  kContent = 5,      // the key's content hash or token count differs: wrong prompt
  kFingerprint = 6,  // the two engines do not run the same model
  kPool = 7,         // a pool the peer does not know (any more)
  kExpired = 8,
  kDraining = 9,         // the agent is shutting down
  kOverload = 10,        // a named limit is reached
  kOfferTimeout = 11,    // offer_wait: nobody offered the key in time
  kComputeTimeout = 12,  // compute: offered, but never ready in time
  kSourceStalled = 13,   // progress: a credit for ready data stayed unused
  kScatterTimeout = 14,  // scatter: the client did not take a chunk in time
  kTotalTimeout = 15,    // total
  kNoPeer = 16,          // no link to the source came up in time
  kLinkLost = 17,        // the link to the peer broke
  kAgentLost = 18,       // this client's agent died or stopped
  kEngineLost = 19,      // the peer's engine died
  kChecksum = 20,        // bytes arrived damaged
  kSibling = 21,         // another stream of the same receive failed first
  kCancelled = 22,
  kWithdrawn = 23,
  kProtocol = 24,   // a peer or client broke a rule
  kNoSlots = 25,    // too few usable slots
  kTransport = 26,  // the library failed a put or flush
  kInternal = 27,
};
inline constexpr std::uint8_t kMaxReason = 27;

std::string_view to_string(EventKind kind);
std::string_view to_string(Reason reason);

// Durations of a receive's stages (summed over ranks in parallel as the longest), for the one that
// ends kDone. Host-local clocks only; nothing is compared across hosts.
struct TransferStats {
  std::uint64_t bytes = 0;
  std::uint32_t chunks = 0;
  std::uint32_t streams = 0;
  std::chrono::nanoseconds offer_wait{};  // receive() → the source said the offer exists
  std::chrono::nanoseconds grant{};       // receive() → first answer of the source
  std::chrono::nanoseconds gather{};      // sum of the chunks' copy time at P
  std::chrono::nanoseconds wire{};     // sum of the chunks' slot-to-slot time (0 on direct links)
  std::chrono::nanoseconds scatter{};  // sum of the chunks' copy time at D
  std::chrono::nanoseconds total{};    // receive() → done
  std::uint64_t last_ready_ns = 0;     // largest CLOCK_MONOTONIC ready time seen in chunk headers
                                       // (P's clock: meaningful on one host only)
};

// One report of poll()/wait(). Exactly one terminal event per offer and per receive.
struct Event {
  EventKind kind{};
  Key key;
  bool receive = false;  // true: of a receive, false: of an offer or an intend
  Reason reason = Reason::kNone;
  std::string detail;  // for people: names values and sides; may be empty
  std::uint32_t valid_tokens =
      0;  // receive: length of the prefix, from the range's start, that is in place
  TransferStats stats;
};

}  // namespace pegaflow
