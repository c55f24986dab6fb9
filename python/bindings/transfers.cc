// Events and what they say (pegaflow/transfer.h).
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string>

#include "convert.h"
#include "pegaflow/transfer.h"

namespace pegaflow::python {
namespace {

void bind_kinds(nb::module_& module) {
  nb::enum_<EventKind>(module, "EventKind", "What an event reports.")
      .value("OFFERED", EventKind::kOffered, "intend: every rank of the source holds the offer.")
      .value("REFUSED", EventKind::kRefused, "intend: see reason.")
      .value("SENT", EventKind::kSent, "Offer: its blocks may be reused; the end comes later.")
      .value("DONE", EventKind::kDone, "Offer or receive: the end; all bytes verified.")
      .value("FAILED", EventKind::kFailed, "Offer or receive: the end; see reason.")
      .value("CANCELLED", EventKind::kCancelled, "Receive: the end; the caller cancelled.")
      .value("UNCONFIRMED", EventKind::kUnconfirmed,
             "Offer: the end; the link ended after the last chunk. Do not send again.")
      .value("EXPIRED", EventKind::kExpired, "Offer: the end; its lease ended.")
      .value("WITHDRAWN", EventKind::kWithdrawn, "Offer: the end; the engine withdrew.");
}

void bind_reasons(nb::module_& module) {
  nb::enum_<Reason>(module, "Reason", "Why a transfer failed or was refused.")
      .value("NONE", Reason::kNone)
      .value("BUSY", Reason::kBusy)
      .value("RELEASED", Reason::kReleased)
      .value("GONE", Reason::kGone)
      .value("PLAN", Reason::kPlan)
      .value("CONTENT", Reason::kContent)
      .value("FINGERPRINT", Reason::kFingerprint)
      .value("POOL", Reason::kPool)
      .value("EXPIRED", Reason::kExpired)
      .value("DRAINING", Reason::kDraining)
      .value("OVERLOAD", Reason::kOverload)
      .value("OFFER_TIMEOUT", Reason::kOfferTimeout)
      .value("COMPUTE_TIMEOUT", Reason::kComputeTimeout)
      .value("SOURCE_STALLED", Reason::kSourceStalled)
      .value("SCATTER_TIMEOUT", Reason::kScatterTimeout)
      .value("TOTAL_TIMEOUT", Reason::kTotalTimeout)
      .value("NO_PEER", Reason::kNoPeer)
      .value("LINK_LOST", Reason::kLinkLost)
      .value("AGENT_LOST", Reason::kAgentLost)
      .value("ENGINE_LOST", Reason::kEngineLost)
      .value("CHECKSUM", Reason::kChecksum)
      .value("SIBLING", Reason::kSibling)
      .value("CANCELLED", Reason::kCancelled)
      .value("WITHDRAWN", Reason::kWithdrawn)
      .value("PROTOCOL", Reason::kProtocol)
      .value("NO_SLOTS", Reason::kNoSlots)
      .value("TRANSPORT", Reason::kTransport)
      .value("INTERNAL", Reason::kInternal);
}

template <auto Member>
std::int64_t nanoseconds(const TransferStats& stats) {
  return (stats.*Member).count();
}

void bind_stats(nb::module_& module) {
  nb::class_<TransferStats>(module, "TransferStats",
                            "What a receive that ended DONE took; times in nanoseconds.")
      .def_ro("bytes", &TransferStats::bytes)
      .def_ro("chunks", &TransferStats::chunks)
      .def_ro("streams", &TransferStats::streams)
      .def_prop_ro("offer_wait_ns", &nanoseconds<&TransferStats::offer_wait>,
                   "receive() until the source said that the offer exists.")
      .def_prop_ro("grant_ns", &nanoseconds<&TransferStats::grant>,
                   "receive() until the source's first answer.")
      .def_prop_ro("gather_ns", &nanoseconds<&TransferStats::gather>,
                   "Copying at the source, all chunks.")
      .def_prop_ro("wire_ns", &nanoseconds<&TransferStats::wire>,
                   "Slot to slot, all chunks; 0 where the source writes the slot itself.")
      .def_prop_ro("scatter_ns", &nanoseconds<&TransferStats::scatter>, "Copying here, all chunks.")
      .def_prop_ro("total_ns", &nanoseconds<&TransferStats::total>, "receive() until done.")
      .def_ro("last_ready_ns", &TransferStats::last_ready_ns,
              "When the last chunk became ready: the source's CLOCK_MONOTONIC.");
}

}  // namespace

void bind_transfers(nb::module_& module) {
  bind_kinds(module);
  bind_reasons(module);
  bind_stats(module);
  nb::class_<Event>(module, "Event",
                    "One report of poll() or wait(). Every offer and every receive ends with "
                    "exactly one event.")
      .def_ro("kind", &Event::kind)
      .def_prop_ro("key", [](const Event& event) { return to_bytes(event.key.bytes); })
      .def_ro("receive", &Event::receive, "Of a receive; otherwise of an offer or an intend.")
      .def_ro("reason", &Event::reason)
      .def_ro("detail", &Event::detail, "For people; may be empty.")
      .def_ro("valid_tokens", &Event::valid_tokens,
              "Receive: how many tokens, from the range's start, are in place.")
      .def_ro("stats", &Event::stats)
      .def("__repr__", [](const Event& event) {
        return "<pegaflow.Event " + std::string(to_string(event.kind)) + " of " +
               (event.receive ? "receive " : "offer ") + event.key.to_hex() + ", reason " +
               std::string(to_string(event.reason)) +
               (event.detail.empty() ? ">" : ": " + event.detail + ">");
      });
}

}  // namespace pegaflow::python
