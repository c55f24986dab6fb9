// Named bounds of the client library. What SessionConfig does not set is bounded here.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pegaflow::client {

// Largest SessionConfig::max_offers, max_receives and max_events.
inline constexpr std::uint32_t kMaxLive = 65'536;
inline constexpr std::uint32_t kMaxUnreadEvents = 1U << 20;
// Streams that an agent may have open at once; more are answered RingStopped.
inline constexpr std::size_t kMaxStreams = 16'384;
// Credits that wait for ready data, per stream; more break the protocol.
inline constexpr std::size_t kMaxCreditsPerStream = 1024;
// Scatters that were handed out and wait for the mover. When full, the ring is left unread.
inline constexpr std::size_t kMaxQueuedScatters = 1024;
// Messages that wait behind a full ring before new work is refused and the other ring left unread.
inline constexpr std::size_t kBacklogMessages = 256;
inline constexpr std::size_t kMaxRegions = 1024;
inline constexpr std::size_t kMaxPeerPools = 65'536;
inline constexpr std::size_t kMaxPools = 256;
inline constexpr std::size_t kMaxStepSpans = 65'536;
// Marks in the engine's streams that were not seen to have passed: of tokens that become ready, and
// of receives. The last few of the former are kept for what must not be left out (end_step).
inline constexpr std::size_t kMaxReadyMarks = 2048;
inline constexpr std::size_t kReservedReadyMarks = 256;
inline constexpr std::size_t kMaxReceiveMarks = 1024;
// Offers that have just ended and may still be finished.
inline constexpr std::size_t kJustEnded = 256;
// Pools whose registration may be under way at once.
inline constexpr std::size_t kMaxPoolRequests = 16;

// A transfer leaves in so many bursts at least (Mover::burst_bytes).
inline constexpr std::uint64_t kBurstsPerStream = 4;

// How often the mover looks up at least: with live transfers, and without.
inline constexpr std::chrono::milliseconds kBusyTick{100};
inline constexpr std::chrono::milliseconds kIdleTick{500};
// The agent's tick may stand still this long at least (PROTOCOL.md §6).
inline constexpr std::chrono::milliseconds kMinAgentSilence{3000};
// A gap in the mover's own loop that says this process was stopped; timers are extended by it.
inline constexpr std::chrono::milliseconds kOwnGap{1000};
// How long rewind() and withdraw() wait for one running copy.
inline constexpr std::chrono::milliseconds kFenceTimeout{10'000};

}  // namespace pegaflow::client
