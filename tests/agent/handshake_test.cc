#include "agent/link/handshake.h"

#include <gtest/gtest.h>

#include "agent/link/peer_pools.h"
#include "agent/link/peer_regions.h"
#include "support/test_client.h"

namespace pegaflow::agent {
namespace {

class HandshakeTest : public ::testing::Test {
 protected:
  HandshakeTest() {
    terms.from = "p";
    terms.to = "d";
    terms.we_are_source = true;
    link.from = "d";
    link.to = "p";
    link.epoch = AgentEpoch{5};
    link.incarnation = LinkIncarnation{1};
    link.topology_hash = own.topology_hash;
    link.regions.push_back({.name = "r",
                            .memory = MemoryKind::kHost,
                            .slot_bytes = 4096,
                            .slot_count = 4,
                            .segments = 1,
                            .segment_bytes = 4 * 4096,
                            .rkeys = {{std::byte{1}}}});
  }
  // The verdict's message; empty: accepted.
  std::string verdict() {
    const Status status = check_link(link, terms, own, history);
    return status.ok() ? "" : status.error().message();
  }
  void make_mapped() {
    terms.mapped = link.mapped = true;
    link.boot_id = own.boot_id;
    link.regions[0].rkeys.clear();
  }

  LinkTerms terms;
  LinkIdentity own{AgentEpoch{9}, "hash-p", "boot-p"};
  LinkHistory history;
  wire::Link link;
};

TEST_F(HandshakeTest, right_link_is_accepted) {
  EXPECT_EQ(verdict(), "");
  make_mapped();
  EXPECT_EQ(verdict(), "");
}

TEST_F(HandshakeTest, wrong_topology_names_both_hashes) {
  link.topology_hash = "hash-d";
  EXPECT_NE(verdict().find("hash-p"), std::string::npos);
  EXPECT_NE(verdict().find("hash-d"), std::string::npos);
}

TEST_F(HandshakeTest, mapped_link_needs_one_boot_id) {
  make_mapped();
  link.boot_id = "boot-d";
  EXPECT_NE(verdict().find("boot id is boot-p, D's boot-d"), std::string::npos);
  link.mapped = false;
  EXPECT_NE(verdict().find("P holds the link for mapped, D for not mapped"), std::string::npos);
}

TEST_F(HandshakeTest, names_versions_and_epochs_must_fit) {
  link.to = "x";
  EXPECT_NE(verdict(), "");
  link.to = "p";
  link.version_min = link.version_max = 99;
  EXPECT_NE(verdict().find("control versions"), std::string::npos);
  link.version_min = 1;
  EXPECT_EQ(verdict(), "");
  EXPECT_EQ(negotiated_version(link), wire::kControlVersion);
  link.expected_epoch = AgentEpoch{8};
  EXPECT_NE(verdict().find("expects P's epoch 8, P's is 9"), std::string::npos);
  link.expected_epoch = own.epoch;
  EXPECT_EQ(verdict(), "");
  link.epoch = {};
  EXPECT_NE(verdict(), "");
}

TEST_F(HandshakeTest, incarnations_grow_within_an_epoch) {
  history = {AgentEpoch{5}, LinkIncarnation{3}};
  link.incarnation = LinkIncarnation{3};
  EXPECT_NE(verdict().find("incarnation 3 does not follow P's last one, 3"), std::string::npos);
  link.incarnation = LinkIncarnation{4};
  EXPECT_EQ(verdict(), "");
  link.incarnation = LinkIncarnation{1};
  link.epoch = AgentEpoch{6};  // D has restarted
  EXPECT_EQ(verdict(), "");
}

TEST_F(HandshakeTest, impossible_geometry_and_missing_keys_are_refused) {
  link.regions[0].rkeys.clear();
  EXPECT_NE(verdict().find("expected 1 rkeys, got 0"), std::string::npos);
  link.regions[0].rkeys = {{std::byte{1}}};
  link.regions[0].segment_bytes = 4096;
  EXPECT_NE(verdict(), "");
}

TEST_F(HandshakeTest, link_ok_must_answer_what_was_asked) {
  wire::LinkOk ok;
  ok.epoch = AgentEpoch{9};
  ok.incarnation = link.incarnation;
  EXPECT_TRUE(check_link_ok(ok, link).ok());
  ok.features = 1;
  EXPECT_FALSE(check_link_ok(ok, link).ok());
  ok.features = 0;
  ok.incarnation = LinkIncarnation{2};
  EXPECT_FALSE(check_link_ok(ok, link).ok());
  ok.incarnation = link.incarnation;
  ok.version = 7;
  EXPECT_FALSE(check_link_ok(ok, link).ok());
  ok.version = wire::kControlVersion;
  ok.epoch = {};
  EXPECT_FALSE(check_link_ok(ok, link).ok());
}

TEST_F(HandshakeTest, lanes_must_be_among_those_allowed) {
  terms.transports = {"rc_verbs", "rc_mlx5"};
  EXPECT_TRUE(check_lanes(terms, {.rma = {"rc_mlx5"}, .control = {"tcp"}, .text = ""}).ok());
  const Status tcp = check_lanes(terms, {.rma = {"tcp"}, .control = {}, .text = "rma tcp/eth0"});
  ASSERT_FALSE(tcp.ok());
  EXPECT_NE(tcp.error().message().find("may use rc_verbs, rc_mlx5, UCX chose tcp"),
            std::string::npos);
  EXPECT_FALSE(check_lanes(terms, {.rma = {}, .control = {"tcp"}, .text = ""}).ok());
  EXPECT_FALSE(check_lanes(terms, {.rma = {"rc_mlx5", "tcp"}, .control = {}, .text = ""}).ok());
  terms.mapped = true;  // carries no data over lanes
  EXPECT_TRUE(check_lanes(terms, {.rma = {}, .control = {"tcp"}, .text = ""}).ok());
}

TEST_F(HandshakeTest, lanes_that_do_not_read_gpu_memory_are_refused_for_slots_there) {
  terms.transports = {"tcp", "cuda_ipc"};
  terms.gpu_slots = true;
  EXPECT_TRUE(check_lanes(terms, {.rma = {"tcp", "cuda_ipc"}, .control = {}, .text = ""}).ok());
  const Status tcp = check_lanes(terms, {.rma = {"tcp"}, .control = {}, .text = "rma tcp/lo"});
  ASSERT_FALSE(tcp.ok());
  EXPECT_EQ(tcp.error().code(), Code::kUnsupported);
  EXPECT_NE(tcp.error().message().find("GPU memory"), std::string::npos);
  terms.gpu_slots = false;
  EXPECT_TRUE(check_lanes(terms, {.rma = {"tcp"}, .control = {}, .text = ""}).ok());
}

TEST_F(HandshakeTest, slots_named_by_the_peer_are_checked_against_its_geometry) {
  const PeerRegions regions(link.regions);
  EXPECT_FALSE(regions.place({1, SlotIndex{0}, {}}, 16).ok());
  EXPECT_FALSE(regions.place({0, SlotIndex{4}, {}}, 16).ok());
  EXPECT_FALSE(regions.place({0, SlotIndex{0}, {}}, 4097).ok());
}

TEST(PeerPoolsTest, numbers_grow_and_settle_what_lies_below) {
  PeerPools pools;
  const wire::LinkPool five{PoolId{5}, "engine", false, small_shape()};
  ASSERT_TRUE(pools.check(five).ok());
  EXPECT_FALSE(pools.settled(PoolId{5}));
  EXPECT_EQ(pools.add(five, PoolId{50}, WriterId{1}).visible, PoolId{50});
  EXPECT_TRUE(pools.settled(PoolId{5}));
  EXPECT_TRUE(pools.settled(PoolId{2}));
  EXPECT_FALSE(pools.settled(PoolId{6}));
  EXPECT_FALSE(pools.check(five).ok());
  EXPECT_EQ(pools.remove(PoolId{5})->visible, PoolId{50});
  EXPECT_FALSE(pools.remove(PoolId{5}).has_value());
  EXPECT_EQ(pools.find(PoolId{5}), nullptr);
}

TEST(PeerPoolsTest, impossible_shapes_and_names_are_refused) {
  PeerPools pools;
  KvShape shape = small_shape();
  shape.groups.clear();
  EXPECT_FALSE(pools.check({PoolId{1}, "engine", false, shape}).ok());
  EXPECT_FALSE(pools.check({PoolId{1}, "", false, small_shape()}).ok());
}

}  // namespace
}  // namespace pegaflow::agent
