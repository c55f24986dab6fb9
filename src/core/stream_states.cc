#include "core/stream_states.h"

namespace pegaflow::core {
namespace {

std::optional<SinkState> from_asked(SinkEvent event) {
  switch (event) {
    case SinkEvent::kNotOffered:
      return SinkState::kAsked;
    case SinkEvent::kNothingOwed:
      return SinkState::kWaiting;
    case SinkEvent::kOwed:
      return SinkState::kFlowing;
    case SinkEvent::kVerified:
      return SinkState::kEnded;  // nothing to move
    case SinkEvent::kFail:
      return SinkState::kFailing;
    case SinkEvent::kProven:
      return {};
  }
  return {};
}

std::optional<SinkState> from_offered(SinkEvent event) {
  switch (event) {
    case SinkEvent::kNotOffered:
      return {};
    case SinkEvent::kNothingOwed:
      return SinkState::kWaiting;
    case SinkEvent::kOwed:
      return SinkState::kFlowing;
    case SinkEvent::kVerified:
      return SinkState::kEnded;
    case SinkEvent::kFail:
      return SinkState::kFailing;
    case SinkEvent::kProven:
      return {};
  }
  return {};
}

std::optional<SourceState> from_active(SourceEvent event) {
  switch (event) {
    case SourceEvent::kOffered:
      return {};
    case SourceEvent::kLeft:
      return SourceState::kSent;
    case SourceEvent::kDone:
      return SourceState::kEnded;
    case SourceEvent::kAbort:
      return SourceState::kEnding;
    case SourceEvent::kDrained:
      return {};
  }
  return {};
}

std::optional<SourceState> from_wait_offer(SourceEvent event) {
  switch (event) {
    case SourceEvent::kOffered:
      return SourceState::kActive;
    case SourceEvent::kAbort:
      return SourceState::kEnding;
    case SourceEvent::kLeft:
    case SourceEvent::kDone:
    case SourceEvent::kDrained:
      return {};
  }
  return {};
}

}  // namespace

std::optional<SinkState> next(SinkState state, SinkEvent event) {
  switch (state) {
    case SinkState::kAsked:
      return from_asked(event);
    case SinkState::kWaiting:
    case SinkState::kFlowing:
      return from_offered(event);
    case SinkState::kFailing:
      if (event == SinkEvent::kProven) return SinkState::kEnded;
      return {};
    case SinkState::kEnded:
      return {};
  }
  return {};
}

std::optional<SourceState> next(SourceState state, SourceEvent event) {
  switch (state) {
    case SourceState::kWaitOffer:
      return from_wait_offer(event);
    case SourceState::kActive:
      return from_active(event);
    case SourceState::kSent:
      if (event == SourceEvent::kDone) return SourceState::kEnded;
      if (event == SourceEvent::kAbort) return SourceState::kEnding;
      return {};
    case SourceState::kEnding:
      if (event == SourceEvent::kDrained) return SourceState::kEnded;
      return {};
    case SourceState::kEnded:
      return {};
  }
  return {};
}

std::string_view to_string(SinkState state) {
  switch (state) {
    case SinkState::kAsked:
      return "asked";
    case SinkState::kWaiting:
      return "waiting";
    case SinkState::kFlowing:
      return "flowing";
    case SinkState::kFailing:
      return "failing";
    case SinkState::kEnded:
      return "ended";
  }
  return "unknown";
}

std::string_view to_string(SourceState state) {
  switch (state) {
    case SourceState::kWaitOffer:
      return "wait_offer";
    case SourceState::kActive:
      return "active";
    case SourceState::kSent:
      return "sent";
    case SourceState::kEnding:
      return "ending";
    case SourceState::kEnded:
      return "ended";
  }
  return "unknown";
}

}  // namespace pegaflow::core
