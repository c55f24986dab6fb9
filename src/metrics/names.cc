// Label values of the enums in probes.h.
#include "metrics/probes.h"

namespace pegaflow::metrics {

std::string_view to_string(Direction direction) {
  switch (direction) {
    case Direction::kTo:
      return "to";
    case Direction::kFrom:
      return "from";
  }
  return "unknown";
}

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::kOfferWait:
      return "offer_wait";
    case Stage::kGrant:
      return "grant";
    case Stage::kCreditWait:
      return "credit_wait";
    case Stage::kGather:
      return "gather";
    case Stage::kWire:
      return "wire";
    case Stage::kScatter:
      return "scatter";
    case Stage::kReceive:
      return "receive";
  }
  return "unknown";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kCancelled:
      return "cancelled";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kUnconfirmed:
      return "unconfirmed";
    case Outcome::kReleased:
      return "released";
  }
  return "unknown";
}

std::string_view to_string(Timer timer) {
  switch (timer) {
    case Timer::kOfferWait:
      return "offer_wait";
    case Timer::kCompute:
      return "compute";
    case Timer::kProgress:
      return "progress";
    case Timer::kScatter:
      return "scatter";
    case Timer::kTotal:
      return "total";
    case Timer::kLease:
      return "lease";
    case Timer::kQuiesce:
      return "quiesce";
    case Timer::kQuarantine:
      return "quarantine";
    case Timer::kTombstone:
      return "tombstone";
    case Timer::kFlush:
      return "flush";
    case Timer::kEngineTick:
      return "engine_tick";
    case Timer::kHeartbeat:
      return "heartbeat";
    case Timer::kDeadAfter:
      return "dead_after";
  }
  return "unknown";
}

std::string_view to_string(SlotUse use) {
  switch (use) {
    case SlotUse::kFree:
      return "free";
    case SlotUse::kLoaned:
      return "loaned";
    case SlotUse::kClaimed:
      return "claimed";
    case SlotUse::kFilled:
      return "filled";
    case SlotUse::kQuarantined:
      return "quarantined";
    case SlotUse::kRetired:
      return "retired";
  }
  return "unknown";
}

std::string_view to_string(SessionKind kind) {
  switch (kind) {
    case SessionKind::kWorker:
      return "worker";
    case SessionKind::kControl:
      return "control";
  }
  return "unknown";
}

}  // namespace pegaflow::metrics
