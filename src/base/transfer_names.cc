#include "pegaflow/transfer.h"

namespace pegaflow {

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::kOffered:
      return "offered";
    case EventKind::kRefused:
      return "refused";
    case EventKind::kSent:
      return "sent";
    case EventKind::kDone:
      return "done";
    case EventKind::kFailed:
      return "failed";
    case EventKind::kCancelled:
      return "cancelled";
    case EventKind::kUnconfirmed:
      return "unconfirmed";
    case EventKind::kExpired:
      return "expired";
    case EventKind::kWithdrawn:
      return "withdrawn";
  }
  return "unknown";
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "none";
    case Reason::kBusy:
      return "busy";
    case Reason::kReleased:
      return "released";
    case Reason::kGone:
      return "gone";
    case Reason::kPlan:
      return "plan";
    case Reason::kContent:
      return "content";
    case Reason::kFingerprint:
      return "fingerprint";
    case Reason::kPool:
      return "pool";
    case Reason::kExpired:
      return "expired";
    case Reason::kDraining:
      return "draining";
    case Reason::kOverload:
      return "overload";
    case Reason::kOfferTimeout:
      return "offer_timeout";
    case Reason::kComputeTimeout:
      return "compute_timeout";
    case Reason::kSourceStalled:
      return "source_stalled";
    case Reason::kScatterTimeout:
      return "scatter_timeout";
    case Reason::kTotalTimeout:
      return "total_timeout";
    case Reason::kNoPeer:
      return "no_peer";
    case Reason::kLinkLost:
      return "link_lost";
    case Reason::kAgentLost:
      return "agent_lost";
    case Reason::kEngineLost:
      return "engine_lost";
    case Reason::kChecksum:
      return "checksum";
    case Reason::kSibling:
      return "sibling";
    case Reason::kCancelled:
      return "cancelled";
    case Reason::kWithdrawn:
      return "withdrawn";
    case Reason::kProtocol:
      return "protocol";
    case Reason::kNoSlots:
      return "no_slots";
    case Reason::kTransport:
      return "transport";
    case Reason::kInternal:
      return "internal";
  }
  return "unknown";
}

}  // namespace pegaflow
