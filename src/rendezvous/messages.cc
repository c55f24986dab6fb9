#include "rendezvous/messages.h"

#include <algorithm>
#include <charconv>

#include "base/hex.h"
#include "base/json_view.h"
#include "rendezvous/record_json.h"

namespace pegaflow::rendezvous {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::size_t kMaxEntries = 65'536;
constexpr std::uint64_t kMaxLeaseMs = 86'400'000;
constexpr TextRule kRevisionRule{3, 64, ":"};

// Parses `text` and reads it with `read`; its faults become the error.
template <typename Read>
auto read_document(std::string_view text, Read read)
    -> Result<decltype(read(std::declval<const JsonView&>()))> {
  PEGAFLOW_ASSIGN(const json document, parse_json(text));
  JsonFaults faults;
  auto value = read(JsonView(document, faults));
  PEGAFLOW_TRY(faults.status(Code::kProtocol));
  return value;
}

Revision read_revision(const JsonView& view) {
  auto revision = revision_from_text(view.text(kRevisionRule));
  if (revision.ok()) return std::move(revision).value();
  if (view.present()) view.expected("a revision, \"<store>:<number>\"");
  return {};
}

Entry read_entry(const JsonView& view) {
  Entry entry;
  if (!view.open_object({"name", "revision", "record"})) return entry;
  entry.name = view["name"].text(kNameRule);
  entry.revision = read_revision(view["revision"]).number;
  if (!view["record"].raw().is_null()) {
    entry.record = std::make_shared<const AgentRecord>(read_record(view["record"]));
  }
  return entry;
}

Listing read_listing(const JsonView& view) {
  Listing listing;
  if (!view.open_object({"revision", "complete", "agents"})) return listing;
  listing.revision = read_revision(view["revision"]);
  listing.complete = view["complete"].boolean();
  for (const auto& agent : view["agents"].array(0, kMaxEntries)) {
    listing.entries.push_back(read_entry(agent));
  }
  return listing;
}

}  // namespace

std::string epoch_to_text(AgentEpoch epoch) { return to_hex(epoch.value); }

Result<AgentEpoch> epoch_from_text(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (failed != std::errc() || to_hex(number) != text) {
    return Error(Code::kInvalidArgument, "expected an epoch, 16 hex digits in lower case, got \"" +
                                             std::string(text.substr(0, 32)) + '"');
  }
  return AgentEpoch{number};
}

std::string Revision::text() const { return store + ':' + std::to_string(number); }

Result<Revision> revision_from_text(std::string_view text) {
  const auto colon = text.find(':');
  Revision revision{std::string(text.substr(0, colon)), 0};
  if (colon != std::string_view::npos && colon > 0) {
    const auto digits = text.substr(colon + 1);
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), revision.number);
    if (failed == std::errc() && end == digits.data() + digits.size()) return revision;
  }
  return Error(Code::kInvalidArgument, "expected a revision, \"<store>:<number>\", got \"" +
                                           std::string(text.substr(0, 64)) + '"');
}

std::string put_to_json(const PutRequest& request) {
  std::string text = "{\"record\":" + record_to_json(request.record);
  if (request.previous_epoch.has_value()) {
    text += ",\"previous_epoch\":\"" + epoch_to_text(*request.previous_epoch) + '"';
  }
  return text + '}';
}

Result<PutRequest> put_from_json(std::string_view text) {
  return read_document(text, [](const JsonView& view) {
    PutRequest request;
    if (!view.open_object({"record"})) return request;
    request.record = read_record(view["record"]);
    if (view.has("previous_epoch")) request.previous_epoch = {view["previous_epoch"].hex_u64()};
    return request;
  });
}

std::string epoch_body(AgentEpoch epoch) { return json_text({{"epoch", epoch_to_text(epoch)}}); }

Result<AgentEpoch> epoch_from_body(std::string_view text) {
  return read_document(text, [](const JsonView& view) {
    view.open_object({"epoch"});
    return AgentEpoch{view["epoch"].hex_u64()};
  });
}

std::string lease_to_json(const Lease& lease) {
  return json_text({{"revision", lease.revision.text()}, {"lease_ms", lease.duration.count()}});
}

Result<Lease> lease_from_json(std::string_view text) {
  return read_document(text, [](const JsonView& view) {
    Lease lease;
    if (!view.open_object({"revision", "lease_ms"})) return lease;
    lease.revision = read_revision(view["revision"]);
    lease.duration = milliseconds(view["lease_ms"].integer(1, kMaxLeaseMs));
    return lease;
  });
}

std::string entry_to_json(const Entry& entry, const std::string& store) {
  const json head = {{"name", entry.name}, {"revision", Revision{store, entry.revision}.text()}};
  std::string text = json_text(head);
  text.pop_back();
  return text + ",\"record\":" + (entry.json == nullptr ? "null" : *entry.json) + '}';
}

Result<Entry> entry_from_json(std::string_view text) { return read_document(text, read_entry); }

std::string listing_to_json(const Listing& listing) {
  std::string text = "{\"revision\":\"" + listing.revision.text() +
                     "\",\"complete\":" + (listing.complete ? "true" : "false") + ",\"agents\":[";
  for (std::size_t i = 0; i < listing.entries.size(); ++i) {
    if (i > 0) text += ',';
    text += entry_to_json(listing.entries[i], listing.revision.store);
  }
  return text + "]}";
}

Result<Listing> listing_from_json(std::string_view text) {
  return read_document(text, read_listing);
}

std::string instance_to_json(std::string_view instance, const Listing& listing) {
  json pools = json::array();
  for (const auto& entry : listing.entries) {
    if (entry.record == nullptr) continue;
    for (const auto& pool : entry.record->pools) {
      if (pool.instance != instance) continue;
      pools.push_back({{"agent", entry.name},
                       {"epoch", epoch_to_text(entry.record->epoch)},
                       {"control", entry.record->control},
                       {"pool", pool_json(pool)}});
    }
  }
  return json_text(
      {{"instance", instance}, {"revision", listing.revision.text()}, {"pools", std::move(pools)}});
}

bool has_instance(std::string_view instance, const Listing& listing) {
  return std::any_of(listing.entries.begin(), listing.entries.end(), [&](const Entry& entry) {
    return entry.record != nullptr &&
           std::any_of(entry.record->pools.begin(), entry.record->pools.end(),
                       [&](const PoolRecord& pool) { return pool.instance == instance; });
  });
}

}  // namespace pegaflow::rendezvous
