// The states of a stream at both its ends, and the only functions that decide transitions
// (the tables of docs/formats/wire.md). What to send or free on a transition is the agent's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pegaflow::core {

enum class SinkState : std::uint8_t {
  kAsked,    // GRANT sent, the source has not said that the offer exists
  kWaiting,  // offered; every ready chunk has arrived
  kFlowing,  // chunks are owed
  kFailing,  // ABORT sent; writers may still be at work
  kEnded,
};
enum class SinkEvent : std::uint8_t {
  kNotOffered,   // WANT(offered=0)
  kNothingOwed,  // WANT(offered=1) or a chunk, and all that is ready has arrived
  kOwed,         // … more is ready than has arrived
  kVerified,     // the last chunk is scattered and verified
  kFail,         // timer, refusal, checksum, sibling, link, client, cancel
  kProven,       // no writer of it is left (QUIESCED, proof, nothing out)
};
// The state after `event`; none: the event is not possible in that state (a peer broke the rules,
// or it is late).
std::optional<SinkState> next(SinkState state, SinkEvent event);
std::string_view to_string(SinkState state);

enum class SourceState : std::uint8_t {
  kWaitOffer,  // granted, not offered yet
  kActive,
  kSent,    // every chunk has left the engine's blocks
  kEnding,  // aborted; kernels drain, puts are flushed
  kEnded,
};
enum class SourceEvent : std::uint8_t {
  kOffered,
  kLeft,     // the last chunk has left the blocks
  kDone,     // DONE: D has and verified everything
  kAbort,    // ABORT, withdraw, engine lost, flush failed, link lost, timer
  kDrained,  // no kernel, copy or put of it is running or can start
};
std::optional<SourceState> next(SourceState state, SourceEvent event);
std::string_view to_string(SourceState state);

}  // namespace pegaflow::core
