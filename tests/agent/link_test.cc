// Two agents' I/O halves, linked over the loopback transport and real sockets, in one thread.
#include "agent/link/link.h"

#include <gtest/gtest.h>

#include <variant>

#include "support/side.h"
#include "support/test_client.h"
#include "transport/loopback/network.h"

namespace pegaflow::agent {
namespace {

using topology::LinkPath;

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() {
    limits.first_retry = Millis(1);
    limits.last_retry = Millis(20);
    limits.refused_retry = Millis(50);
  }

  void make(LinkPath path, const std::function<void(SideConfig& p, SideConfig& d)>& change = {}) {
    topology = two_nodes(dir, path);
    SideConfig config_p{.topology = topology, .node = "p", .context = p_context.get()};
    SideConfig config_d{.topology = topology, .node = "d", .context = d_context.get()};
    config_p.epoch = AgentEpoch{100};
    config_d.epoch = AgentEpoch{200};
    config_p.links = config_d.links = limits;
    if (change) change(config_p, config_d);
    p = std::make_unique<Side>(std::move(config_p));
    d = std::make_unique<Side>(std::move(config_d));
    p->start();
    d->start();
  }
  bool until(const std::function<bool()>& condition) {
    std::vector<Side*> sides;
    if (p) sides.push_back(p.get());
    if (d) sides.push_back(d.get());
    return run_until(sides, condition);
  }
  bool both_up() {
    return until([&] { return p->upper.link != nullptr && d->upper.link != nullptr; });
  }
  std::unique_ptr<TestClient> engine(Side& side, std::uint64_t incarnation) {
    auto client = std::make_unique<TestClient>(side.node().socket);
    client->send(hello(incarnation));
    client->send(wire::AddPool{1, MemoryKind::kHost, small_shape(incarnation)});
    EXPECT_TRUE(until([&] { return client->find<wire::PoolOk>() != nullptr; }));
    return client;
  }

  TempDir dir;
  topology::Topology topology;
  transport::LoopbackNetwork network;
  std::unique_ptr<transport::Context> p_context = network.make_context();
  std::unique_ptr<transport::Context> d_context = network.make_context();
  LinkLimits limits;
  std::unique_ptr<Side> p, d;
};

class EveryPath : public LinkTest, public ::testing::WithParamInterface<LinkPath> {};
INSTANTIATE_TEST_SUITE_P(Paths, EveryPath,
                         ::testing::Values(LinkPath::kDirect, LinkPath::kAgent, LinkPath::kUcx),
                         [](const auto& param) { return std::string(to_string(param.param)); });

TEST_P(EveryPath, comes_up_on_both_sides_with_the_same_incarnation) {
  make(GetParam());
  ASSERT_TRUE(both_up());
  EXPECT_TRUE(p->upper.link->we_are_source());
  EXPECT_FALSE(d->upper.link->we_are_source());
  EXPECT_EQ(p->upper.link->peer_epoch(), AgentEpoch{200});
  EXPECT_EQ(d->upper.link->peer_epoch(), AgentEpoch{100});
  EXPECT_EQ(p->upper.link->incarnation(), d->upper.link->incarnation());
  EXPECT_EQ(p->upper.link->window(), 4U);
  EXPECT_EQ(p->link().status().state, LinkState::kUp);
}

TEST_P(EveryPath, control_messages_arrive_in_order_both_ways) {
  make(GetParam());
  ASSERT_TRUE(both_up());
  constexpr std::uint32_t kMessages = 500;  // many windows
  for (std::uint32_t n = 0; n < kMessages; ++n) {
    d->upper.link->send(wire::Done{{XferId{1}, StreamId{n}}, n});
    p->upper.link->send(wire::Done{{XferId{2}, StreamId{n}}, n});
  }
  ASSERT_TRUE(until([&] {
    return p->upper.control.size() == kMessages && d->upper.control.size() == kMessages;
  }));
  for (std::uint32_t n = 0; n < kMessages; ++n) {
    EXPECT_EQ(std::get<wire::Done>(p->upper.control[n]).bytes, n);
    EXPECT_EQ(std::get<wire::Done>(d->upper.control[n]).bytes, n);
  }
}

TEST_P(EveryPath, is_measured_and_both_ends_know_the_result) {
  make(GetParam());
  ASSERT_TRUE(both_up());
  ASSERT_TRUE(until([&] {
    const LinkStatus at_p = p->link().status();
    const LinkStatus at_d = d->link().status();
    return at_p.bytes_per_second > 0 && at_p.bytes_per_second == at_d.bytes_per_second &&
           at_p.round_trip > Nanos(0) && at_d.round_trip > Nanos(0);
  }));
  EXPECT_GT(p->probe.link_probe.measurements, 0);
}

TEST_P(EveryPath, reset_rebuilds_it_with_a_higher_incarnation) {
  make(GetParam());
  ASSERT_TRUE(both_up());
  const LinkIncarnation first = p->upper.link->incarnation();
  p->upper.link->reset(Error(Code::kDeadlineExceeded, "test"));
  EXPECT_EQ(p->upper.link, nullptr);  // told before reset() returned
  ASSERT_TRUE(until([&] { return !d->upper.downs.empty(); }));
  EXPECT_NE(d->upper.downs[0].message().find("test"), std::string::npos);
  ASSERT_TRUE(both_up());
  EXPECT_GT(p->upper.link->incarnation(), first);
  EXPECT_EQ(p->upper.link->incarnation(), d->upper.link->incarnation());
}

TEST_P(EveryPath, messages_sent_in_answer_to_a_message_of_a_link_being_reset_do_no_harm) {
  make(GetParam());
  ASSERT_TRUE(both_up());
  p->upper.answer = [](LinkPort& link, const wire::ControlMessage&) {
    link.reset(Error(Code::kInternal, "in the middle of a delivery"));
    link.send(wire::Drain{1});
  };
  for (int n = 0; n < 10; ++n) d->upper.link->send(wire::Drain{2});
  ASSERT_TRUE(until([&] { return p->upper.downs.size() == 1; }));
  p->upper.answer = {};
  ASSERT_TRUE(both_up());
}

TEST_P(EveryPath, peers_death_is_noticed_and_its_successor_linked) {
  make(GetParam());
  ASSERT_TRUE(both_up());
  p.reset();
  ASSERT_TRUE(until([&] { return !d->upper.downs.empty(); }));
  EXPECT_NE(d->link().status().state, LinkState::kUp);
  SideConfig config{.topology = topology, .node = "p", .context = p_context.get()};
  config.epoch = AgentEpoch{101};
  p = std::make_unique<Side>(std::move(config));
  p->start();
  ASSERT_TRUE(both_up());
  EXPECT_EQ(d->upper.link->peer_epoch(), AgentEpoch{101});
}

TEST_P(EveryPath, pools_are_told_of_in_both_directions_and_taken_back) {
  make(GetParam());
  auto early = engine(*p, 7);  // perhaps before the link is up
  ASSERT_TRUE(both_up());
  const auto late = engine(*d, 8);
  ASSERT_TRUE(
      until([&] { return d->upper.peer_pools.size() == 1 && p->upper.peer_pools.size() == 1; }));
  EXPECT_EQ(d->upper.peer_pools[0].id, p->upper.local_pools[0].id);
  EXPECT_EQ(d->upper.peer_pools[0].shape_hash, p->upper.local_pools[0].shape_hash);
  EXPECT_EQ(p->upper.peer_pools[0].shape, small_shape(8));
  EXPECT_EQ(d->upper.link->peer_pools().size(), 1U);
  const WriterId writer = d->upper.link->writer_for(d->upper.peer_pools[0].id);
  EXPECT_NE(writer, WriterId{});
  early.reset();
  ASSERT_TRUE(until([&] { return d->upper.peer_pools.empty(); }));
  EXPECT_TRUE(d->upper.link->peer_pools().empty());
}

TEST_P(EveryPath, grant_waits_for_the_pool_it_names) {
  make(GetParam());
  const auto source = engine(*p, 7);
  ASSERT_TRUE(both_up());
  const auto sink = engine(*d, 8);
  // Sent in the same breath as the pool's announcement, over another road.
  wire::Grant grant;
  grant.source_pool = p->upper.local_pools[0].id;
  grant.sink_pool = d->upper.local_pools[0].id;
  d->upper.link->send(grant);
  bool known = false;
  p->upper.answer = [&](LinkPort& link, const wire::ControlMessage&) {
    known = link.peer_pools().size() == 1 &&
            (link.path() != DataPath::kDirect ||
             p->upper.clients.front()->peer_region(link.id(), 0).has_value());
  };
  ASSERT_TRUE(until([&] { return !p->upper.control.empty(); }));
  EXPECT_TRUE(known);
}

TEST_P(EveryPath, grant_that_names_a_pool_nobody_told_of_is_passed_on_in_time) {
  limits.pool_wait = Millis(10);
  make(GetParam());
  ASSERT_TRUE(both_up());
  wire::Grant grant;
  grant.sink_pool = PoolId{999};
  d->upper.link->send(grant);
  d->upper.link->send(wire::Drain{1});
  ASSERT_TRUE(until([&] { return p->upper.control.size() == 2; }));
  EXPECT_TRUE(std::holds_alternative<wire::Grant>(p->upper.control[0]));
}

TEST_F(LinkTest, direct_link_maps_the_sinks_slots_into_the_sources_engines) {
  make(LinkPath::kDirect);
  const auto client = engine(*p, 7);
  ASSERT_TRUE(both_up());
  ASSERT_TRUE(until([&] { return client->count<wire::MapRegion>() == 2; }));
  ASSERT_EQ(d->upper.peer_pools.size(), 1U);
  client->regions[1]->slot(SlotIndex{2})[9] = std::byte{77};
  EXPECT_EQ(d->region().slot(SlotIndex{2})[9], std::byte{77});
  ASSERT_TRUE(std::holds_alternative<wire::MapRegion>(client->messages.back()));
  const auto mapped = std::get<wire::MapRegion>(client->messages.back());
  EXPECT_FALSE(mapped.own);
  EXPECT_EQ(mapped.writer, d->upper.peer_pools[0].writer);
  EXPECT_EQ(p->upper.clients[0]->peer_region(p->link().id(), 0), mapped.region);
  p->upper.link->reset(Error(Code::kInternal, "test"));
  ASSERT_TRUE(until([&] { return client->find<wire::UnmapRegion>() != nullptr; }));
  EXPECT_EQ(p->upper.clients[0]->peer_region(p->link().id(), 0), std::nullopt);
  // The next incarnation maps them anew; the engine keeps its number.
  ASSERT_TRUE(until([&] { return client->count<wire::MapRegion>() == 3; }));
  EXPECT_EQ(std::get<wire::MapRegion>(client->messages.back()).writer, mapped.writer);
  EXPECT_TRUE(d->upper.writers_gone.empty());
}

TEST_F(LinkTest, agent_path_lets_the_peers_agent_write_the_mapped_slots) {
  make(LinkPath::kAgent);
  ASSERT_TRUE(both_up());
  memory::MappedRegion* region = p->upper.link->peer_region(0);
  ASSERT_NE(region, nullptr);
  region->slot(SlotIndex{1})[0] = std::byte{5};
  EXPECT_EQ(d->region().slot(SlotIndex{1})[0], std::byte{5});
  EXPECT_EQ(p->upper.link->peer_region(1), nullptr);
  EXPECT_EQ(p->upper.link->own_writer(), d->upper.link->writer_for(PoolId{1}));
}

TEST_F(LinkTest, ucx_link_puts_slots_and_flushes) {
  make(LinkPath::kUcx);
  ASSERT_TRUE(both_up());
  p->region().slot(SlotIndex{3})[0] = std::byte{9};
  const wire::RemoteSlot remote{0, SlotIndex{6}, Generation{1}};
  ASSERT_TRUE(p->upper.link->put(0, SlotIndex{3}, 4096, remote).ok());
  ASSERT_TRUE(p->upper.link->flush(1234).ok());
  ASSERT_TRUE(until([&] { return !p->upper.flushed.empty(); }));
  EXPECT_EQ(p->upper.flushed[0], std::pair(std::uint64_t{1234}, true));
  EXPECT_EQ(d->region().slot(SlotIndex{6})[0], std::byte{9});
  EXPECT_FALSE(p->upper.link->put(0, SlotIndex{3}, 16, {0, SlotIndex{8}, {}}).ok());
  EXPECT_FALSE(p->upper.link->put(0, SlotIndex{3}, 16, {1, SlotIndex{0}, {}}).ok());
}

TEST_F(LinkTest, ended_incarnation_of_a_ucx_link_is_a_writer_gone) {
  make(LinkPath::kUcx);
  ASSERT_TRUE(both_up());
  const WriterId writer = d->upper.link->writer_for(PoolId{1});
  d->upper.link->reset(Error(Code::kDeadlineExceeded, "test"));
  EXPECT_EQ(d->upper.writers_gone, std::vector{writer});
  EXPECT_EQ(d->upper.events.back(), "writer gone");
  ASSERT_TRUE(both_up());
  EXPECT_NE(d->upper.link->writer_for(PoolId{1}), WriterId{});
}

TEST_F(LinkTest, other_topology_is_refused_with_both_hashes_and_tried_again) {
  make(LinkPath::kUcx,
       [](SideConfig&, SideConfig& config) { config.topology.hash = std::string(64, 'b'); });
  ASSERT_TRUE(until([&] { return d->link().status().state == LinkState::kRefused; }));
  const std::string reason = d->link().status().reason;
  EXPECT_NE(reason.find(std::string(64, 'a')), std::string::npos);
  EXPECT_NE(reason.find(std::string(64, 'b')), std::string::npos);
  const LinkIncarnation tried = d->link().incarnation();
  ASSERT_TRUE(until([&] { return d->link().incarnation() > tried; }));
  EXPECT_TRUE(d->upper.ups.empty());
}

TEST_F(LinkTest, other_boot_id_refuses_a_mapped_link) {
  make(LinkPath::kDirect, [](SideConfig&, SideConfig& config) { config.boot_id = "other"; });
  ASSERT_TRUE(until([&] { return d->link().status().state == LinkState::kRefused; }));
  EXPECT_NE(d->link().status().reason.find("boot id"), std::string::npos);
}

TEST_F(LinkTest, transport_that_is_not_allowed_is_refused_at_both_ends) {
  make(LinkPath::kUcx, [](SideConfig& one, SideConfig& other) {
    one.topology.links[0].transports = other.topology.links[0].transports = {"rc_mlx5"};
  });
  ASSERT_TRUE(until([&] {
    return p->link().status().state == LinkState::kRefused &&
           d->link().status().state == LinkState::kRefused;
  }));
  EXPECT_NE(d->link().status().reason.find("rc_mlx5"), std::string::npos);
  EXPECT_TRUE(p->upper.ups.empty());
  EXPECT_TRUE(d->upper.ups.empty());
}

TEST_F(LinkTest, epoch_expected_from_a_stale_record_is_given_up_after_one_try) {
  make(LinkPath::kUcx);
  d->links().peer_lives("p", AgentEpoch{55});
  ASSERT_TRUE(both_up());
}

TEST_F(LinkTest, silent_peer_is_dead_after_its_limit) {
  limits.heartbeat = {.period = Millis(5), .dead_after = Millis(50)};
  make(LinkPath::kUcx);
  ASSERT_TRUE(both_up());
  // P is stopped: only D's loop turns.
  ASSERT_TRUE(run_until({d.get()}, [&] { return !d->upper.downs.empty(); }));
  EXPECT_NE(d->upper.downs[0].message().find("no message for 50 ms"), std::string::npos);
  ASSERT_TRUE(both_up());
}

TEST_F(LinkTest, peer_that_takes_nothing_holds_messages_back_and_then_ends_the_link) {
  limits.heartbeat = {
      .period = Millis(5), .dead_after = std::chrono::seconds(60), .window_shut = Millis(50)};
  make(LinkPath::kUcx);
  ASSERT_TRUE(both_up());
  int sent = 0;
  while (d->upper.link->window_open()) {
    d->upper.link->send(wire::Drain{1});
    ++sent;
  }
  EXPECT_LE(sent, 80);
  d->upper.link->send(wire::Drain{2});  // waits
  EXPECT_EQ(d->link().status().queued, 1U);
  ASSERT_TRUE(run_until({d.get()}, [&] { return !d->upper.downs.empty(); }));
  EXPECT_NE(d->upper.downs[0].message().find("window"), std::string::npos);
}

TEST_F(LinkTest, window_that_opens_again_is_told) {
  make(LinkPath::kUcx);
  ASSERT_TRUE(both_up());
  while (d->upper.link->window_open()) d->upper.link->send(wire::Drain{1});
  EXPECT_EQ(d->upper.writable, 0);
  ASSERT_TRUE(until([&] { return d->upper.writable == 1; }));
  EXPECT_TRUE(d->upper.link->window_open());
}

}  // namespace
}  // namespace pegaflow::agent
