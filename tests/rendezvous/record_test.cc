#include "rendezvous/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "example.h"

namespace pegaflow::rendezvous {
namespace {

Blob blob(std::initializer_list<int> bytes) {
  Blob out;
  for (const int byte : bytes) out.push_back(static_cast<std::byte>(byte));
  return out;
}

AgentRecord full_record() {
  auto record = example_record(example_topology(1), "d0", 0xFEDCBA9876543210ULL);
  record.links = {{"p", "from", {7}, blob({0, 255, 1})}, {"q", "to", {0}, {}}};
  record.regions = {{"staging", MemoryKind::kHost, 65'536, 32, {blob({1, 2}), blob({3})}},
                    {"gpu", MemoryKind::kCuda, 4'194'304, 64, {}}};
  record.pools = {example_pool(1, "decode-0"), example_pool(2, "décode \"1\"")};
  return record;
}

TEST(Record, round_trip_keeps_every_field) {
  const auto record = record_from_json(record_to_json(full_record()));
  ASSERT_TRUE(record.ok()) << record.error().message();
  EXPECT_EQ(*record, full_record());
}

TEST(Record, epochs_are_sixteen_digits) {
  EXPECT_EQ(epoch_to_text({1}), "0000000000000001");
  EXPECT_EQ(epoch_from_text("fedcba9876543210").value(), AgentEpoch{0xFEDCBA9876543210ULL});
  for (const char* text : {"", "1", "FEDCBA9876543210", "0x00000000000001", "00000000000000001",
                           "000000000000000g", "-000000000000001"}) {
    EXPECT_FALSE(epoch_from_text(text).ok()) << text;
  }
}

struct Damage {
  const char* find;
  const char* replace;
  const char* pointer;
};

class DamagedRecord : public testing::TestWithParam<Damage> {};

TEST_P(DamagedRecord, is_refused_with_a_pointer) {
  const auto& [find, replace, pointer] = GetParam();
  std::string text = record_to_json(full_record());
  const auto at = text.find(find);
  ASSERT_NE(at, std::string::npos) << text;
  text.replace(at, std::string_view(find).size(), replace);
  const auto record = record_from_json(text);
  ASSERT_FALSE(record.ok());
  EXPECT_EQ(record.error().code(), Code::kProtocol);
  EXPECT_THAT(record.error().message(), testing::StartsWith(pointer));
}

INSTANTIATE_TEST_SUITE_P(
    Record, DamagedRecord,
    testing::Values(Damage{"\"d0\"", "\"\"", "/name: "}, Damage{"\"d0\"", "\"a/b\"", "/name: "},
                    Damage{"fedcba9876543210", "fedcba987654321", "/epoch: "},
                    Damage{"\"control\":\"127.0.0.1:10002\"", "\"control\":1", "/control: "},
                    Damage{"\"version\":\"0.1.0\"", "\"version\":\"\"", "/build/version: "},
                    Damage{"\"tcp\"", "\"t c p\"", "/transports/0: "},
                    Damage{"\"direction\":\"from\"", "\"direction\":\"up\"",
                           "/links/0/direction: "},
                    Damage{"\"AP8B\"", "\"AP8\"", "/links/0/worker_address: expected base64"},
                    Damage{"\"incarnation\":7", "\"incarnation\":-7", "/links/0/incarnation: "},
                    Damage{"\"AQI=\"", "\"AQJ=\"", "/regions/0/rkeys/0: "},
                    Damage{"\"host\"", "\"disk\"", "/regions/0/memory: "},
                    Damage{"\"slot_count\":32", "\"slot_count\":0", "/regions/0/slot_count: "},
                    Damage{"\"id\":1", "\"id\":0", "/pools/0/id: "},
                    Damage{"\"parts\":2", "\"parts\":\"2\"", "/pools/0/shape/groups/0/parts: "},
                    Damage{"\"rank\"", "\"Rank\"", "/pools/0/shape: the key"},
                    Damage{"\"pools\"", "\"pool\"", ": the key \"pools\" is missing"}));

TEST(Record, keys_of_a_newer_version_are_skipped) {
  std::string text = record_to_json(full_record());
  text.insert(1, R"("added_later": {"a": [1]}, )");
  EXPECT_EQ(record_from_json(text).value(), full_record());
}

TEST(Record, too_large_blobs_are_refused) {
  auto record = full_record();
  record.links[0].worker_address.resize(RecordLimits::kBlobBytes);
  EXPECT_TRUE(record_from_json(record_to_json(record)).ok());
  record.links[0].worker_address.resize(RecordLimits::kBlobBytes + 1);
  EXPECT_FALSE(record_from_json(record_to_json(record)).ok());
}

TEST(Record, a_topology_hash_is_64_digits) {
  auto record = full_record();
  record.topology_hash = "abc";
  EXPECT_THAT(record_from_json(record_to_json(record)).error().message(),
              testing::StartsWith("/topology_hash: "));
}

}  // namespace
}  // namespace pegaflow::rendezvous
