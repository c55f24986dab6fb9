#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "example.h"
#include "rendezvous/store.h"

namespace pegaflow::rendezvous {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr milliseconds kLease{10'000};
constexpr milliseconds kNoWait{0};

class Recorder final : public StoreEvents {
 public:
  void live_agents(std::size_t count) override { live.push_back(count); }
  void registered(std::string_view name, AgentEpoch epoch) override {
    told.push_back(std::string(name) + " registered " + std::to_string(epoch.value));
  }
  void updated(std::string_view name) override { told.push_back(std::string(name) + " updated"); }
  void removed(std::string_view name) override { told.push_back(std::string(name) + " removed"); }
  void lease_expired(std::string_view name) override {
    told.push_back(std::string(name) + " expired");
  }
  std::vector<std::size_t> live;
  std::vector<std::string> told;
};

class MemoryStoreTest : public testing::Test {
 protected:
  Result<Lease> put(const std::string& name, std::uint64_t epoch,
                    std::optional<AgentEpoch> previous = std::nullopt) {
    return store_.put({example_record(topology_, name, epoch), previous});
  }
  std::vector<std::string> changed_since(const std::optional<Revision>& since) {
    std::vector<std::string> names;
    for (const auto& entry : store_.list(since, kNoWait).entries) {
      names.push_back((entry.record == nullptr ? "-" : "+") + entry.name);
    }
    return names;
  }

  const topology::Topology topology_ = example_topology(3);
  FakeClock clock_;
  Recorder events_;
  MemoryStore store_{clock_, kLease, &events_};
};

TEST_F(MemoryStoreTest, a_stored_record_is_found_with_its_json) {
  EXPECT_EQ(store_.get("d0"), std::nullopt);
  const auto lease = put("d0", 1).value();
  EXPECT_EQ(lease.duration, kLease);
  EXPECT_EQ(lease.revision, (Revision{store_.id(), 1}));
  const auto entry = store_.get("d0").value();
  EXPECT_EQ(*entry.record, example_record(topology_, "d0", 1));
  EXPECT_EQ(*entry.json, record_to_json(*entry.record));
}

TEST_F(MemoryStoreTest, every_store_has_its_own_id) {
  EXPECT_NE(MemoryStore(clock_, kLease).id(), store_.id());
}

TEST_F(MemoryStoreTest, leases_end_without_heartbeat_and_last_with_it) {
  ASSERT_TRUE(put("d0", 1).ok());
  ASSERT_TRUE(put("d1", 1).ok());
  clock_.advance(kLease - milliseconds(1));
  EXPECT_TRUE(store_.heartbeat("d0", {1}).ok());
  clock_.advance(milliseconds(1));
  EXPECT_NE(store_.get("d0"), std::nullopt);
  EXPECT_EQ(store_.get("d1"), std::nullopt);
  EXPECT_EQ(events_.told.back(), "d1 expired");
  EXPECT_THAT(events_.live, ElementsAre(1U, 2U, 1U));
  EXPECT_EQ(store_.heartbeat("d1", {1}).error().code(), Code::kNotFound);
}

TEST_F(MemoryStoreTest, heartbeats_of_another_epoch_are_refused_with_both) {
  ASSERT_TRUE(put("d0", 1).ok());
  const auto error = store_.heartbeat("d0", {2}).error();
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_THAT(error.message(), HasSubstr("0000000000000001"));
  EXPECT_THAT(error.message(), HasSubstr("0000000000000002"));
  EXPECT_EQ(store_.heartbeat("d2", {1}).error().code(), Code::kNotFound);
}

TEST_F(MemoryStoreTest, a_live_epoch_keeps_its_name) {
  ASSERT_TRUE(put("d0", 1).ok());
  clock_.advance(milliseconds(4'000));
  const auto error = put("d0", 2).error();
  EXPECT_EQ(error.code(), Code::kAlreadyExists);
  EXPECT_THAT(error.message(), HasSubstr("another 6000 ms"));
  EXPECT_EQ(put("d0", 2, AgentEpoch{3}).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(store_.get("d0")->record->epoch, AgentEpoch{1});
}

TEST_F(MemoryStoreTest, a_successor_takes_over_by_naming_its_predecessor) {
  ASSERT_TRUE(put("d0", 1).ok());
  EXPECT_TRUE(put("d0", 2, AgentEpoch{1}).ok());
  EXPECT_EQ(store_.get("d0")->record->epoch, AgentEpoch{2});
  // Its predecessor, should it live after all, is out.
  EXPECT_EQ(put("d0", 1).error().code(), Code::kAlreadyExists);
}

TEST_F(MemoryStoreTest, an_expired_name_is_free) {
  ASSERT_TRUE(put("d0", 1).ok());
  clock_.advance(kLease);
  EXPECT_TRUE(put("d0", 2).ok());
}

TEST_F(MemoryStoreTest, an_equal_record_renews_the_lease_without_a_change) {
  ASSERT_TRUE(put("d0", 1).ok());
  clock_.advance(kLease / 2);
  EXPECT_EQ(put("d0", 1)->revision.number, 1U);
  clock_.advance(kLease / 2);
  EXPECT_NE(store_.get("d0"), std::nullopt);
}

TEST_F(MemoryStoreTest, removing_needs_the_epoch_and_is_a_change) {
  ASSERT_TRUE(put("d0", 1).ok());
  EXPECT_EQ(store_.remove("d0", {2}).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(store_.remove("d1", {2}).error().code(), Code::kNotFound);
  const auto before = store_.list(std::nullopt, kNoWait).revision;
  EXPECT_TRUE(store_.remove("d0", {1}).ok());
  EXPECT_THAT(changed_since(before), ElementsAre("-d0"));
  EXPECT_EQ(store_.remove("d0", {1}).error().code(), Code::kNotFound);
}

TEST_F(MemoryStoreTest, events_tell_new_epochs_from_updates) {
  ASSERT_TRUE(put("d0", 1).ok());
  ASSERT_TRUE(put("d0", 1).ok());
  auto record = example_record(topology_, "d0", 1);
  record.pools = {example_pool(1, "x")};
  ASSERT_TRUE(store_.put({record, std::nullopt}).ok());
  ASSERT_TRUE(put("d0", 2, AgentEpoch{1}).ok());
  ASSERT_TRUE(store_.remove("d0", {2}).ok());
  EXPECT_THAT(events_.told,
              ElementsAre("d0 registered 1", "d0 updated", "d0 registered 2", "d0 removed"));
}

TEST_F(MemoryStoreTest, changes_since_a_revision_and_nothing_else) {
  ASSERT_TRUE(put("d0", 1).ok());
  const auto one = put("d1", 1)->revision;
  EXPECT_THAT(changed_since(one), ElementsAre());
  ASSERT_TRUE(put("d2", 1).ok());
  EXPECT_THAT(changed_since(one), ElementsAre("+d2"));
  clock_.advance(kLease);
  EXPECT_THAT(changed_since(one), ElementsAre("-d0", "-d1", "-d2"));
  EXPECT_THAT(changed_since(std::nullopt), ElementsAre());
}

TEST_F(MemoryStoreTest, another_stores_revision_gets_everything) {
  ASSERT_TRUE(put("d0", 1).ok());
  ASSERT_TRUE(put("d1", 1).ok());
  ASSERT_TRUE(store_.remove("d1", {1}).ok());
  for (const auto& since : {std::optional<Revision>(), std::optional(Revision{"other", 99}),
                            std::optional(Revision{store_.id(), 1'000})}) {
    const auto listing = store_.list(since, kTestDeadline);
    EXPECT_TRUE(listing.complete);
    ASSERT_EQ(listing.entries.size(), 1U);
    EXPECT_EQ(listing.entries[0].name, "d0");
  }
  EXPECT_FALSE(store_.list(Revision{store_.id(), 1}, kNoWait).complete);
}

TEST_F(MemoryStoreTest, a_waiting_list_returns_with_the_change) {
  const auto start = put("d0", 1)->revision;
  auto waiting = std::async(std::launch::async, [&] { return store_.list(start, kTestDeadline); });
  ASSERT_TRUE(put("d1", 1).ok());
  ASSERT_EQ(waiting.wait_for(kTestDeadline / 2), std::future_status::ready);
  EXPECT_EQ(waiting.get().entries.at(0).name, "d1");
}

TEST_F(MemoryStoreTest, a_wait_without_change_ends_empty) {
  const auto start = put("d0", 1)->revision;
  const auto listing = store_.list(start, milliseconds(20));
  EXPECT_TRUE(listing.entries.empty());
  EXPECT_EQ(listing.revision, start);
}

TEST_F(MemoryStoreTest, interrupt_ends_waiting_for_good) {
  const auto start = put("d0", 1)->revision;
  auto waiting = std::async(std::launch::async, [&] { return store_.list(start, kTestDeadline); });
  store_.interrupt();
  ASSERT_EQ(waiting.wait_for(kTestDeadline / 2), std::future_status::ready);
  EXPECT_TRUE(waiting.get().entries.empty());
  EXPECT_TRUE(store_.list(start, kTestDeadline).entries.empty());
}

TEST(MemoryStoreClock, a_waiting_list_sees_a_lease_end) {
  const SteadyClock clock;
  MemoryStore store(clock, milliseconds(30));
  const auto start = store.put({example_record(example_topology(1), "d0", 1), {}})->revision;
  const auto listing = store.list(start, kTestDeadline);
  ASSERT_EQ(listing.entries.size(), 1U);
  EXPECT_EQ(listing.entries[0].record, nullptr);
}

}  // namespace
}  // namespace pegaflow::rendezvous
