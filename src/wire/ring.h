// Messages of the two rings between a client and its agent. Entries are 128 bytes with a CRC
// (docs/formats/ring.md); a message takes 1 … kMaxParts entries. Block tables never enter a ring.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "base/strong_id.h"
#include "pegaflow/key.h"
#include "pegaflow/result.h"
#include "pegaflow/transfer.h"
#include "wire/control.h"

namespace pegaflow::wire {

inline constexpr std::size_t kRingEntryBytes = 128;
inline constexpr std::size_t kRingPayloadBytes = 112;  // entry less its 16-byte header
inline constexpr std::size_t kMaxParts = 8;
inline constexpr std::size_t kMaxRingMessageBytes = kRingPayloadBytes * kMaxParts;
inline constexpr std::size_t kMaxSlotsPerRingMessage = 8;

// A slot as one session names it: `region` is the id its MAP message gave.
struct SlotRef {
  RegionId region;
  SlotIndex slot;
  Generation generation;
  bool operator==(const SlotRef&) const = default;
};

// ---- client → agent
struct RingOffer {
  Key key;
  PoolId pool;
  std::uint32_t n_tokens = 0;
  ContentHash content{};
  std::uint32_t lease_ms = 0;  // 0: the topology's default
  bool operator==(const RingOffer&) const = default;
};
struct RingReady {
  StreamKey stream{};
  std::uint32_t ready = 0;
  bool operator==(const RingReady&) const = default;
};  // chunks ready in all
struct RingRewound {
  StreamKey stream{};
  std::uint32_t ready = 0;
  bool operator==(const RingRewound&) const = default;
};  // the same, after a rewind
struct RingWithdraw {
  Key key;
  Reason reason{};
  bool operator==(const RingWithdraw&) const = default;
};
struct RingFinish {
  Key key;
  bool operator==(const RingFinish&) const = default;
};
struct RingIntend {
  Key key;
  Source source;
  ContentHash content{};
  Fingerprint fingerprint{};
  std::uint32_t n_tokens = 0;
  OfferReference reference = 0;
  bool operator==(const RingIntend&) const = default;
};
struct RingReceive {
  Key key;
  std::uint64_t handle = 0;  // the client's number; results name it
  PoolId pool;
  Source source;
  ContentHash content{};
  std::uint32_t n_tokens = 0;
  OfferReference reference = 0;
  std::uint32_t offer_wait_ms = 0, compute_ms = 0, total_ms = 0;  // 0: the topology's default
  std::uint64_t trace_id = 0;
  TokenSpans tokens;  // one per group
  bool operator==(const RingReceive&) const = default;
};
struct RingCancel {
  std::uint64_t handle = 0;
  bool operator==(const RingCancel&) const = default;
};
struct RingRelease {
  Key key;
  Source source;
  OfferReference reference = 0;
  bool operator==(const RingRelease&) const = default;
};
struct GatheredSlot {
  SlotRef slot;
  ChunkIndex chunk;
  bool voided = false;  // claimed but not filled; the word says FREE of the next generation
  bool operator==(const GatheredSlot&) const = default;
};
struct RingGathered {
  StreamKey stream{};
  InlineVector<GatheredSlot, kMaxSlotsPerRingMessage> slots;
  bool operator==(const RingGathered&) const = default;
};
struct RingLeft {
  StreamKey stream{};
  bool operator==(const RingLeft&) const = default;
};  // every chunk has left the engine's blocks
struct ScatteredSlot {
  SlotRef slot;
  ChunkIndex chunk;
  bool ok = false;
  std::uint32_t scatter_us = 0;
  bool operator==(const ScatteredSlot&) const = default;
};
struct RingScattered {
  StreamKey stream{};
  InlineVector<ScatteredSlot, kMaxSlotsPerRingMessage> slots;
  bool operator==(const RingScattered&) const = default;
};
struct RingStopped {
  StreamKey stream{};
  InlineVector<SlotRef, kMaxSlotsPerRingMessage> unspent;
  bool operator==(const RingStopped&) const = default;
};  // no kernel in flight, none follows

// ---- agent → client
enum class StreamRole : std::uint8_t { kSource = 1, kSink = 2 };
struct RingStream {
  StreamKey stream{};
  StreamRole role{};
  Key key;
  std::uint64_t handle = 0;  // sink: of RECEIVE; source: 0
  PoolId pool, peer_pool;    // the peer pool was described by a PEER set-up message
  std::uint32_t chunk_bytes = 0;
  std::uint64_t plan_hash = 0;
  std::uint32_t streams = 0;  // sink: streams of this receive; source: consumers of this rank
  bool integrity = false;
  std::uint64_t trace_id = 0;
  TokenSpans tokens;
  bool operator==(const RingStream&) const = default;
};
struct RingCredit {
  StreamKey stream{};
  InlineVector<SlotRef, kMaxSlotsPerRingMessage> slots;
  bool operator==(const RingCredit&) const = default;
};
struct ScatterSlot {
  SlotRef slot;
  ChunkIndex chunk;
  std::uint32_t bytes = 0;
  std::uint32_t checksum = 0;
  std::uint64_t t_ready_ns = 0;
  std::uint32_t gather_us = 0, wire_us = 0;
  bool operator==(const ScatterSlot&) const = default;
};
struct RingScatter {
  StreamKey stream{};
  InlineVector<ScatterSlot, kMaxSlotsPerRingMessage> slots;
  bool operator==(const RingScatter&) const = default;
};  // ≤ 8
struct RingStop {
  StreamKey stream{};
  Reason reason{};
  bool operator==(const RingStop&) const = default;
};
// Slots that a sink stream's source may fill (mapped links, pools on a GPU): the client may look at
// their words, and begin before SCATTER tells it to. From set-up version 2 on.
struct RingLent {
  StreamKey stream{};
  WriterId writer;  // whom they are lent to
  InlineVector<SlotRef, kMaxSlotsPerRingMessage> slots;
  bool operator==(const RingLent&) const = default;
};
// An end (or, for kOffered, kRefused, kSent: a step) as the agent sees it.
struct RingResult {
  EventKind kind{};
  Reason reason{};
  Key key;
  std::uint64_t handle = 0;  // of RECEIVE; 0 for offers and intents
  std::uint32_t offer_wait_us = 0, grant_us = 0;
  std::string detail;  // ≤ 255 bytes
  bool operator==(const RingResult&) const = default;
};

using ClientMessage = std::variant<RingOffer, RingReady, RingRewound, RingWithdraw, RingFinish,
                                   RingIntend, RingReceive, RingCancel, RingRelease, RingGathered,
                                   RingLeft, RingScattered, RingStopped>;
using AgentMessage =
    std::variant<RingStream, RingCredit, RingScatter, RingStop, RingResult, RingLent>;

// The payload bytes of a message, without entry headers; the ring splits them over entries.
// The variant's index + 1 is the message's type on the ring. No allocation when encoding.
using RingBuffer = std::array<std::byte, kMaxRingMessageBytes>;
Result<std::size_t> encode_client(const ClientMessage& message, RingBuffer& out);
Result<std::size_t> encode_agent(const AgentMessage& message, RingBuffer& out);
// kProtocol names what was wrong: type, length, limit, enum, a string too long.
Result<ClientMessage> decode_client(std::uint8_t type, std::span<const std::byte> payload);
Result<AgentMessage> decode_agent(std::uint8_t type, std::span<const std::byte> payload);

}  // namespace pegaflow::wire
