#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/json_view.h"
#include "pegaflow-demo/messages.h"

namespace pegaflow::demo {
namespace {

using nlohmann::json;

constexpr TextRule kDetailRule{0, 4096, nullptr};

// Texts of other libraries: short, and without control characters.
std::string clean(std::string text) {
  constexpr std::size_t kMaxBytes = 4000;
  if (text.size() > kMaxBytes) text.resize(kMaxBytes);
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return text;
}

json to_json(const EngineUp& up) { return {{"type", "up"}, {"pool_bytes", up.pool_bytes}}; }

json to_json(const Produced& produced) {
  return {{"type", "produced"},
          {"id", produced.id},
          {"cached_tokens", produced.cached_tokens},
          {"first_ready_ns", produced.first_ready_ns},
          {"last_ready_ns", produced.last_ready_ns}};
}

json ended(const char* type, std::uint32_t id, EventKind kind, Reason reason,
           const std::string& detail) {
  return {{"type", type},
          {"id", id},
          {"kind", static_cast<unsigned>(kind)},
          {"reason", static_cast<unsigned>(reason)},
          {"detail", clean(detail)}};
}

json to_json(const OfferEnded& end) {
  return ended("offer_ended", end.id, end.kind, end.reason, end.detail);
}

json to_json(const ReceiveFailed& end) {
  return ended("receive_failed", end.id, end.kind, end.reason, end.detail);
}

json to_json(const Received& received) {
  const auto& stats = received.stats;
  return {{"type", "received"},
          {"id", received.id},
          {"cached_tokens", received.cached_tokens},
          {"done_ns", received.done_ns},
          {"bytes", stats.bytes},
          {"chunks", stats.chunks},
          {"offer_wait_ns", stats.offer_wait.count()},
          {"grant_ns", stats.grant.count()},
          {"gather_ns", stats.gather.count()},
          {"wire_ns", stats.wire.count()},
          {"scatter_ns", stats.scatter.count()}};
}

json to_json(const Verified& verified) {
  return {{"type", "verified"},
          {"id", verified.id},
          {"wrong_bytes", verified.wrong_bytes},
          {"first", verified.first}};
}

json to_json(const EngineFailed& failed) {
  return {{"type", "failed"}, {"message", clean(failed.message)}};
}

std::uint32_t read_id(const JsonView& view) {
  return view["id"].number<std::uint32_t>(0, UINT32_MAX);
}

Produced read_produced(const JsonView& view) {
  if (!view.object({"type", "id", "cached_tokens", "first_ready_ns", "last_ready_ns"})) return {};
  return {read_id(view), view["cached_tokens"].number<std::uint32_t>(0, UINT32_MAX),
          view["first_ready_ns"].integer(0, UINT64_MAX),
          view["last_ready_ns"].integer(0, UINT64_MAX)};
}

template <typename Ended>
Ended read_ended(const JsonView& view) {
  if (!view.object({"type", "id", "kind", "reason", "detail"})) return {};
  const auto kind =
      view["kind"].number<std::uint8_t>(1, static_cast<std::uint8_t>(EventKind::kWithdrawn));
  const auto reason = view["reason"].number<std::uint8_t>(0, kMaxReason);
  return {read_id(view), static_cast<EventKind>(kind), static_cast<Reason>(reason),
          view["detail"].text(kDetailRule)};
}

Nanos read_ns(const JsonView& view) {
  return Nanos(static_cast<Nanos::rep>(view.integer(0, INT64_MAX)));
}

Received read_received(const JsonView& view) {
  Received received;
  if (!view.object({"type", "id", "cached_tokens", "done_ns", "bytes", "chunks", "offer_wait_ns",
                    "grant_ns", "gather_ns", "wire_ns", "scatter_ns"})) {
    return received;
  }
  received.id = read_id(view);
  received.cached_tokens = view["cached_tokens"].number<std::uint32_t>(0, UINT32_MAX);
  received.done_ns = view["done_ns"].integer(0, UINT64_MAX);
  received.stats.bytes = view["bytes"].integer(0, UINT64_MAX);
  received.stats.chunks = view["chunks"].number<std::uint32_t>(0, UINT32_MAX);
  received.stats.offer_wait = read_ns(view["offer_wait_ns"]);
  received.stats.grant = read_ns(view["grant_ns"]);
  received.stats.gather = read_ns(view["gather_ns"]);
  received.stats.wire = read_ns(view["wire_ns"]);
  received.stats.scatter = read_ns(view["scatter_ns"]);
  return received;
}

Verified read_verified(const JsonView& view) {
  if (!view.object({"type", "id", "wrong_bytes", "first"})) return {};
  return {read_id(view), view["wrong_bytes"].integer(0, UINT64_MAX),
          view["first"].text(kDetailRule)};
}

Report read_report(const JsonView& view) {
  switch (view["type"].one_of(
      {"up", "produced", "offer_ended", "received", "receive_failed", "verified", "failed"})) {
    case 0:
      view.object({"type", "pool_bytes"});
      return EngineUp{view["pool_bytes"].integer(0, UINT64_MAX)};
    case 1:
      return read_produced(view);
    case 2:
      return read_ended<OfferEnded>(view);
    case 3:
      return read_received(view);
    case 4:
      return read_ended<ReceiveFailed>(view);
    case 5:
      return read_verified(view);
    default:
      view.object({"type", "message"});
      return EngineFailed{view["message"].text(kDetailRule)};
  }
}

}  // namespace

std::string encode(const Report& report) {
  return json_text(std::visit([](const auto& one) { return to_json(one); }, report));
}

Result<Report> decode_report(std::string_view text) {
  PEGAFLOW_ASSIGN(const auto document, parse_json(text));
  JsonFaults faults;
  auto report = read_report(JsonView(document, faults));
  PEGAFLOW_TRY(faults.status(Code::kProtocol));
  return report;
}

}  // namespace pegaflow::demo
