#include "rendezvous/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "example.h"

namespace pegaflow::rendezvous {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

Entry live_entry(const std::string& name, std::uint64_t revision) {
  auto record = example_record(example_topology(2), name, 5);
  record.pools = {example_pool(1, "decode-0")};
  Entry entry{name, revision, std::make_shared<const AgentRecord>(record), nullptr};
  entry.json = std::make_shared<const std::string>(record_to_json(record));
  return entry;
}

TEST(Messages, revisions_are_store_and_number) {
  EXPECT_EQ((Revision{"ab", 12}.text()), "ab:12");
  EXPECT_EQ(revision_from_text("ab:12").value(), (Revision{"ab", 12}));
  for (const char* text :
       {"", "ab", ":1", "ab:", "ab:x", "ab:-1", "ab:1x", "a:1:2", "ab:99999999999999999999"}) {
    EXPECT_FALSE(revision_from_text(text).ok()) << text;
  }
}

TEST(Messages, put_round_trip_with_and_without_previous_epoch) {
  PutRequest request{example_record(example_topology(1), "d0", 9), std::nullopt};
  auto read = put_from_json(put_to_json(request)).value();
  EXPECT_EQ(read.record, request.record);
  EXPECT_FALSE(read.previous_epoch.has_value());
  request.previous_epoch = AgentEpoch{8};
  read = put_from_json(put_to_json(request)).value();
  EXPECT_EQ(read.previous_epoch, AgentEpoch{8});
  EXPECT_THAT(put_from_json("{}").error().message(), HasSubstr("\"record\" is missing"));
  EXPECT_THAT(put_from_json(R"({"record": {"name": 1}})").error().message(),
              testing::StartsWith("/record: "));
}

TEST(Messages, lease_and_epoch_round_trip) {
  const auto lease = lease_from_json(lease_to_json({{"s", 3}, milliseconds(1'500)})).value();
  EXPECT_EQ(lease.revision, (Revision{"s", 3}));
  EXPECT_EQ(lease.duration, milliseconds(1'500));
  EXPECT_EQ(epoch_from_body(epoch_body({77})).value(), AgentEpoch{77});
  EXPECT_FALSE(epoch_from_body("{}").ok());
  EXPECT_FALSE(lease_from_json(R"({"revision": "s", "lease_ms": 5})").ok());
  EXPECT_FALSE(lease_from_json(R"({"revision": "s:1", "lease_ms": 0})").ok());
}

TEST(Messages, listing_round_trip_keeps_live_and_gone_entries) {
  Listing listing{{"s", 9}, true, {live_entry("d0", 4), {"d1", 9, nullptr, nullptr}}};
  const auto read = listing_from_json(listing_to_json(listing)).value();
  EXPECT_EQ(read.revision, listing.revision);
  EXPECT_TRUE(read.complete);
  ASSERT_EQ(read.entries.size(), 2U);
  EXPECT_EQ(*read.entries[0].record, *listing.entries[0].record);
  EXPECT_EQ(read.entries[0].revision, 4U);
  EXPECT_EQ(read.entries[1].name, "d1");
  EXPECT_EQ(read.entries[1].record, nullptr);
}

TEST(Messages, faulty_listings_name_the_place) {
  EXPECT_THAT(listing_from_json(R"({"revision": "s:1", "complete": true, "agents":
                                  [{"name": "a", "revision": "s:1", "record": {}}]})")
                  .error()
                  .message(),
              testing::StartsWith("/agents/0/record: "));
  EXPECT_FALSE(listing_from_json("[]").ok());
  EXPECT_FALSE(entry_from_json("null").ok());
  EXPECT_FALSE(entry_from_json("{}").ok());
}

TEST(Messages, instance_lists_the_pools_of_that_name) {
  auto other = live_entry("d1", 5);
  auto record = *other.record;
  record.pools = {example_pool(3, "decode-1"), example_pool(4, "decode-0")};
  other.record = std::make_shared<const AgentRecord>(record);
  const Listing listing{{"s", 9}, true, {live_entry("d0", 4), other, {"p", 1, nullptr, nullptr}}};
  EXPECT_TRUE(has_instance("decode-0", listing));
  EXPECT_FALSE(has_instance("decode-2", listing));
  const std::string text = instance_to_json("decode-0", listing);
  EXPECT_THAT(text, HasSubstr("\"agent\":\"d0\""));
  EXPECT_THAT(text, HasSubstr("\"agent\":\"d1\""));
  EXPECT_THAT(text, HasSubstr("\"id\":4"));
  EXPECT_THAT(text, testing::Not(HasSubstr("\"id\":3")));
}

}  // namespace
}  // namespace pegaflow::rendezvous
