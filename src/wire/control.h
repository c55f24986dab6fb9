// Control messages between two agents of one link: UCX tagged messages of at most 1 KiB,
// little-endian. Grammar: docs/formats/wire.md. Plain values; nothing here does I/O.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "base/inline_vector.h"
#include "base/strong_id.h"
#include "pegaflow/key.h"
#include "pegaflow/result.h"
#include "pegaflow/transfer.h"

namespace pegaflow::wire {

inline constexpr std::uint32_t kControlMagic = 0x43574750;  // "PGWC"
inline constexpr std::uint16_t kControlVersion = 1;
inline constexpr std::size_t kMaxControlBytes = 1024;
inline constexpr std::size_t kMaxSlotsPerMessage = 16;
inline constexpr std::size_t kMaxGroups = 16;
inline constexpr std::size_t kMaxInstanceBytes = 64;

enum class ControlType : std::uint8_t {
  kPing = 1,
  kPong,
  kIntend,
  kOffered,
  kRefuse,
  kRevoke,
  kGrant,
  kWant,
  kCredit,
  kChunk,
  kReturn,
  kDone,
  kAbort,
  kQuiesced,
  kRelease,
  kDrain,
};
inline constexpr std::uint8_t kIgnorableFlag = 1;  // an unknown type with this flag is skipped

struct ControlHeader {
  std::uint16_t version = kControlVersion;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t sequence = 0;  // per link and direction, from 1
  std::uint32_t ack = 0;       // highest sequence received from the other side
  AgentEpoch sender_epoch;
  LinkIncarnation incarnation;
  bool operator==(const ControlHeader&) const = default;
};

// A slot of the receiving agent's regions, as its owner numbers them.
struct RemoteSlot {
  std::uint16_t region = 0;  // index in the owner's geometry of LINK
  SlotIndex slot;
  Generation generation;
  bool operator==(const RemoteSlot&) const = default;
};
using SlotList = InlineVector<RemoteSlot, kMaxSlotsPerMessage>;

struct TokenSpan {
  std::uint32_t begin = 0, end = 0;
  bool operator==(const TokenSpan&) const = default;
};

using TokenSpans = InlineVector<TokenSpan, kMaxGroups>;

struct Ping {
  std::uint64_t stamp_ns = 0;
  bool operator==(const Ping&) const = default;
};  // sender's clock, echoed
struct Pong {
  std::uint64_t stamp_ns = 0;
  bool operator==(const Pong&) const = default;
};
struct Intend {
  Key key;
  OfferReference reference = 0;
  PoolId source_pool;  // which P rank is asked
  ContentHash content{};
  Fingerprint fingerprint{};
  std::uint32_t n_tokens = 0;
  std::uint64_t intent = 0;  // D's number for the answer
  bool operator==(const Intend&) const = default;
};
struct Offered {
  Key key;
  std::uint64_t intent = 0;
  std::uint32_t n_tokens = 0;
  std::uint32_t lease_ms = 0;
  bool operator==(const Offered&) const = default;
};
// Answers an Intend (intent ≠ 0) or a Grant (intent = 0).
struct Refuse {
  Key key;
  std::uint64_t intent = 0;
  StreamKey stream{};
  Reason reason{};
  SlotList unspent;  // the eager credit, if any
  bool operator==(const Refuse&) const = default;
};
struct Revoke {
  StreamKey stream{};
  RemoteSlot slot;
  bool operator==(const Revoke&) const = default;
};
struct Grant {
  StreamKey stream{};
  Key key;
  OfferReference reference = 0;
  PoolId source_pool, sink_pool;
  std::uint64_t source_shape_hash = 0, sink_shape_hash = 0;
  ContentHash content{};
  std::uint32_t n_tokens = 0;   // of the whole key, as offered
  TokenSpans tokens;            // one per group; empty span: not wanted
  std::uint32_t consumers = 0;  // streams that will read this P rank
  std::uint64_t plan_hash = 0;
  std::uint32_t chunk_bytes = 0;
  std::uint8_t priority = 0;  // kept for later; 0
  std::uint64_t trace_id = 0;
  InlineVector<RemoteSlot, 1> eager;  // 0 or 1 credit
  bool operator==(const Grant&) const = default;
};
struct Want {
  StreamKey stream{};
  bool offered = false;
  std::uint32_t ready = 0, total = 0;  // chunks
  bool operator==(const Want&) const = default;
};
struct Credit {
  StreamKey stream{};
  SlotList slots;
  bool operator==(const Credit&) const = default;
};
struct ChunkRecord {
  RemoteSlot slot;
  ChunkIndex chunk;
  std::uint32_t bytes = 0;
  std::uint32_t checksum = 0;    // CRC32C of the slot's bytes; 0 when integrity is off
  std::uint64_t t_ready_ns = 0;  // P's CLOCK_MONOTONIC
  std::uint32_t gather_us = 0, wire_us = 0;
  bool operator==(const ChunkRecord&) const = default;
};
struct Chunk {
  StreamKey stream{};
  InlineVector<ChunkRecord, kMaxSlotsPerMessage> chunks;
  bool operator==(const Chunk&) const = default;
};
struct Return {
  StreamKey stream{};
  SlotList slots;
  bool operator==(const Return&) const = default;
};
struct Done {
  StreamKey stream{};
  std::uint64_t bytes = 0;
  bool operator==(const Done&) const = default;
};
struct Abort {
  StreamKey stream{};
  Reason reason{};
  bool operator==(const Abort&) const = default;
};
struct Quiesced {
  StreamKey stream{};
  SlotList unspent;
  bool operator==(const Quiesced&) const = default;
};
struct Release {
  Key key;
  OfferReference reference = 0;
  PoolId source_pool;
  Reason reason{};
  bool operator==(const Release&) const = default;
};
struct Drain {
  std::uint32_t seconds = 0;
  bool operator==(const Drain&) const = default;
};

using ControlMessage = std::variant<Ping, Pong, Intend, Offered, Refuse, Revoke, Grant, Want,
                                    Credit, Chunk, Return, Done, Abort, Quiesced, Release, Drain>;

// Writes header and message to `out` (length, type and CRC filled in); returns the bytes used.
// kInvalidArgument when a list exceeds its limit. No allocation.
Result<std::size_t> encode_control(const ControlHeader& header, const ControlMessage& message,
                                   std::span<std::byte, kMaxControlBytes> out);

struct DecodedControl {
  ControlHeader header;
  ControlMessage message;
  bool skipped = false;  // unknown but ignorable: count its sequence, use nothing else
};
// Puts one flipped bit of an encoded message right. False: it is no message with one.
bool mend_control(std::span<std::byte> message);
// Checks magic, version, length, CRC, every enum and limit; kProtocol names what was wrong.
Result<DecodedControl> decode_control(std::span<const std::byte> in);

// Name for logs and metrics, e.g. "GRANT".
std::string_view control_name(std::uint8_t type);
inline constexpr std::size_t kControlTypes = 17;  // exclusive upper bound of ControlType

}  // namespace pegaflow::wire
