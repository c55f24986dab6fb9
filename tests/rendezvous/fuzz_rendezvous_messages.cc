// Bodies of the rendezvous API. What is accepted must survive being written and read again.
#include <string_view>

#include "base/check.h"
#include "rendezvous/messages.h"

namespace {

using namespace pegaflow;
using namespace pegaflow::rendezvous;

void check_put(std::string_view text) {
  const auto put = put_from_json(text);
  if (!put.ok()) return;
  const auto again = put_from_json(put_to_json(*put));
  PEGAFLOW_CHECK(again.ok() && again->record == put->record &&
                 again->previous_epoch == put->previous_epoch);
}

void check_listing(std::string_view text) {
  auto listing = listing_from_json(text);
  if (!listing.ok()) return;
  for (auto& entry : listing->entries) {
    if (entry.record == nullptr) continue;
    entry.json = std::make_shared<const std::string>(record_to_json(*entry.record));
  }
  const auto again = listing_from_json(listing_to_json(*listing));
  PEGAFLOW_CHECK(again.ok() && again->entries.size() == listing->entries.size());
  (void)instance_to_json("x", *listing);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_put(text);
  check_listing(text);
  (void)entry_from_json(text);
  (void)lease_from_json(text);
  (void)epoch_from_body(text);
  (void)epoch_from_text(text);
  (void)revision_from_text(text);
  return 0;
}
