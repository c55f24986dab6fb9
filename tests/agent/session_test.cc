#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <variant>

#include "agent/session/pool_table.h"
#include "agent/session/region_map.h"
#include "base/pidfd.h"
#include "support/side.h"
#include "support/test_client.h"

namespace pegaflow::agent {
namespace {

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() { restart({}); }
  void restart(const SessionLimits& limits) {
    side.reset();
    SideConfig config{.topology = two_nodes(dir, topology::LinkPath::kAuto), .node = "p"};
    config.sessions = limits;
    side.emplace(std::move(config));
    side->start();
  }
  TestClient connect() { return TestClient(side->node().socket); }
  // A client that has said HELLO and was let in.
  std::unique_ptr<TestClient> worker(std::uint64_t incarnation = 7) {
    auto client = std::make_unique<TestClient>(side->node().socket);
    client->send(hello(incarnation));
    EXPECT_TRUE(until([&] { return client->find<wire::MapRegion>() != nullptr; }));
    return client;
  }
  bool until(const std::function<bool()>& condition) { return run_until({&*side}, condition); }
  std::string reason_of_no(TestClient& client) {
    EXPECT_TRUE(until([&] {
      client.read();
      return client.closed;
    }));
    const auto* no = client.find<wire::No>();
    return no == nullptr ? "no NO" : no->reason;
  }

  TempDir dir;
  std::optional<Side> side;
};

TEST_F(SessionTest, worker_is_welcomed_and_gets_rings_and_the_agents_regions) {
  const auto client = worker();
  const auto* welcome = client->find<wire::Welcome>();
  ASSERT_NE(welcome, nullptr);
  EXPECT_EQ(welcome->agent, "p");
  EXPECT_EQ(welcome->epoch, AgentEpoch{1});
  const auto* map = client->find<wire::MapRegion>();
  EXPECT_TRUE(map->own);
  EXPECT_EQ(map->slot_count, 8U);
  ASSERT_EQ(side->upper.clients.size(), 1U);
  ClientPort& port = *side->upper.clients.front();
  EXPECT_EQ(port.own_region(0), map->region);
  EXPECT_EQ(port.own_region(1), std::nullopt);
  EXPECT_EQ(port.writer(), map->writer);
  EXPECT_EQ(port.incarnation(), 7U);
  // The mapped slot is the agent's slot.
  client->regions.front()->slot(SlotIndex{3})[5] = std::byte{42};
  EXPECT_EQ(side->region().slot(SlotIndex{3})[5], std::byte{42});
}

TEST_F(SessionTest, control_session_gets_rings_but_no_regions_and_no_pools) {
  TestClient client = connect();
  wire::Hello message = hello();
  message.kind = wire::SessionKind::kControl;
  client.send(message);
  client.send(wire::AddPool{5, MemoryKind::kHost, small_shape()});
  ASSERT_TRUE(until([&] { return client.find<wire::PoolNo>() != nullptr; }));
  EXPECT_EQ(client.find<wire::MapRegion>(), nullptr);
  EXPECT_EQ(side->upper.clients.front()->kind(), wire::SessionKind::kControl);
}

TEST_F(SessionTest, ring_messages_go_both_ways_and_wake_sleepers) {
  const auto client = worker();
  client->write_ring(wire::RingCancel{99});
  ASSERT_TRUE(until([&] { return side->upper.client_messages.size() == 1; }));
  EXPECT_EQ(std::get<wire::RingCancel>(side->upper.client_messages[0]).handle, 99U);
  side->upper.clients.front()->send(wire::RingStop{{XferId{5}, StreamId{6}}, Reason::kBusy});
  const auto answer = client->read_ring();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(std::get<wire::RingStop>(*answer).stream.xfer, XferId{5});
}

TEST_F(SessionTest, more_than_a_ringful_waits_behind_it_in_order) {
  SessionLimits limits;
  limits.ring_entries = 16;
  restart(limits);
  const auto client = worker();
  constexpr std::uint32_t kMessages = 1000;
  for (std::uint32_t n = 0; n < kMessages; ++n) {
    side->upper.clients.front()->send(wire::RingStop{{XferId{1}, StreamId{n}}, Reason::kBusy});
  }
  std::uint32_t next = 0;
  ASSERT_TRUE(until([&] {
    while (const auto message = client->read_ring()) {
      if (std::get<wire::RingStop>(*message).stream.stream != StreamId{next}) return false;
      ++next;
    }
    return next == kMessages;
  }));
}

TEST_F(SessionTest, client_that_never_reads_its_ring_is_dropped) {
  SessionLimits limits;
  limits.ring_entries = 16;
  restart(limits);
  const auto client = worker();
  for (std::size_t n = 0; n < RingEnd::kMaxWaiting + 100; ++n) {
    side->upper.clients.front()->send(wire::RingStop{{}, Reason::kBusy});
  }
  EXPECT_TRUE(side->upper.client_ends.empty());  // never inside the upper half's own call
  ASSERT_TRUE(until([&] { return side->upper.client_ends.size() == 1; }));
  EXPECT_EQ(side->upper.client_ends[0].code(), Code::kResourceExhausted);
}

TEST_F(SessionTest, pool_is_numbered_checked_and_reported) {
  const auto client = worker();
  client->send(wire::AddPool{5, MemoryKind::kHost, small_shape()});
  ASSERT_TRUE(until([&] { return client->find<wire::PoolOk>() != nullptr; }));
  EXPECT_EQ(client->find<wire::PoolOk>()->request, 5U);
  ASSERT_EQ(side->upper.local_pools.size(), 1U);
  const LocalPool& pool = side->upper.local_pools.front();
  EXPECT_EQ(pool.id, client->find<wire::PoolOk>()->pool);
  EXPECT_EQ(pool.instance, "engine");
  EXPECT_EQ(pool.shape_hash, shape_hash(small_shape()));
}

TEST_F(SessionTest, wrong_pools_are_refused_and_the_session_goes_on) {
  const auto client = worker();
  KvShape impossible = small_shape();
  impossible.groups[0].element_bytes = 3;
  client->send(wire::AddPool{1, MemoryKind::kHost, impossible});
  client->send(wire::AddPool{2, MemoryKind::kHost, small_shape(8)});  // another incarnation
  KvShape other_rank = small_shape();
  other_rank.rank.tp_size = 2;
  client->send(wire::AddPool{3, MemoryKind::kHost, other_rank});
  client->send(wire::AddPool{4, MemoryKind::kHost, small_shape()});
  client->send(wire::AddPool{5, MemoryKind::kHost, small_shape()});  // the same again
  ASSERT_TRUE(until([&] { return client->count<wire::PoolNo>() == 4; }));
  EXPECT_EQ(client->count<wire::PoolOk>(), 1U);
  EXPECT_FALSE(client->closed);
}

TEST_F(SessionTest, engine_that_is_back_at_once_finds_its_old_pool_gone) {
  const auto add = [](TestClient& client, std::uint64_t incarnation) {
    client.send(hello(incarnation));
    client.send(wire::AddPool{1, MemoryKind::kHost, small_shape(incarnation)});
  };
  auto before = std::make_unique<TestClient>(side->node().socket);
  add(*before, 7);
  ASSERT_TRUE(until([&] { return before->find<wire::PoolOk>() != nullptr; }));
  // All of this waits for the agent when its loop turns next, in no order it may rely on.
  TestClient after = connect();
  add(after, 8);
  before.reset();
  ASSERT_TRUE(until([&] { return after.find<wire::PoolOk>() != nullptr; }));
  EXPECT_EQ(after.count<wire::PoolNo>(), 0U);
}

TEST_F(SessionTest, pool_limit_of_the_topology_holds) {
  PoolTable pools(1);
  ASSERT_TRUE(pools.add("a", small_shape()).ok());
  const auto refused = pools.add("b", small_shape());
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("max_pools (1)"), std::string::npos);
  EXPECT_GT(pools.next_id(), PoolId{1});
}

TEST_F(SessionTest, what_is_no_hello_gets_a_reason_and_the_end) {
  for (const std::string text : {"garbage", "{}", "{\"type\":\"hello\"}", "\xff\xfe"}) {
    TestClient client = connect();
    client.send_text(text);
    ASSERT_TRUE(until([&] {
      client.read();
      return client.closed;
    })) << text;
  }
  TestClient early = connect();
  early.send(wire::AddPool{1, MemoryKind::kHost, small_shape()});
  EXPECT_EQ(reason_of_no(early), "expected HELLO first");
  EXPECT_TRUE(side->upper.events.empty());
}

TEST_F(SessionTest, hello_with_wrong_versions_names_or_twice_is_refused) {
  TestClient future = connect();
  wire::Hello message = hello();
  message.version_min = message.version_max = wire::kSetupVersion + 1;
  future.send(message);
  EXPECT_NE(reason_of_no(future).find("speaks session version"), std::string::npos);

  TestClient nameless = connect();
  message = hello();
  message.instance = "two words";
  nameless.send(message);
  EXPECT_NE(reason_of_no(nameless).find("instance name"), std::string::npos);

  const auto twice = worker();
  twice->send(hello());
  EXPECT_EQ(reason_of_no(*twice), "a second HELLO");
}

TEST_F(SessionTest, connection_without_hello_is_closed_in_time) {
  SessionLimits limits;
  limits.hello_deadline = Millis(20);
  limits.tick = Millis(5);
  restart(limits);
  TestClient silent = connect();
  ASSERT_TRUE(until([&] {
    silent.read();
    return silent.closed;
  }));
  EXPECT_EQ(side->sessions().size(), 0U);
}

TEST_F(SessionTest, session_limit_counts_and_refuses_with_its_name) {
  SessionLimits limits;
  limits.max_sessions = 1;
  restart(limits);
  const auto first = worker();
  TestClient second = connect();
  EXPECT_NE(reason_of_no(second).find("max_sessions (1)"), std::string::npos);
}

TEST_F(SessionTest, without_files_to_spare_new_sessions_wait_and_the_loop_does_not_spin) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "the sanitizer needs files itself: its vptr check opens a pipe at each object";
#endif
#endif
  ::setenv("PEGAFLOW_TEST_LOG", "1", 1);
  restart({});
  ::unsetenv("PEGAFLOW_TEST_LOG");
  TestClient client = connect();  // waits to be accepted
  testing::internal::CaptureStderr();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = ::dup(STDIN_FILENO);
  ::close(lowest_free);
  const rlimit none_left{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  int looks = 0;
  EXPECT_TRUE(until([&] { return ++looks > 200; }));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  client.send(hello());
  EXPECT_TRUE(until([&] { return client.find<wire::Welcome>() != nullptr; }));
  const std::string log = testing::internal::GetCapturedStderr();
  std::size_t told = 0;
  for (auto at = log.find("ulimit -n"); at != std::string::npos;
       at = log.find("ulimit -n", at + 1)) {
    ++told;
  }
  EXPECT_GE(told, 1U);
  EXPECT_LE(told, 20U) << "once a second";
}

TEST_F(SessionTest, garbage_in_the_ring_ends_the_session_with_a_reason) {
  const auto client = worker();
  memory::RingWriter raw = client->ring->writer(memory::RingDirection::kClientToAgent);
  const std::array<std::byte, 4> junk{};
  ASSERT_TRUE(raw.try_write(200, junk).value());
  ASSERT_TRUE(until([&] { return side->upper.client_ends.size() == 1; }));
  EXPECT_EQ(side->upper.client_ends[0].code(), Code::kProtocol);
}

TEST_F(SessionTest, last_words_are_heard_before_the_loss_of_a_client) {
  auto client = worker();
  for (std::uint64_t n = 0; n < 200; ++n) client->write_ring(wire::RingCancel{n});
  client.reset();
  ASSERT_TRUE(until([&] { return side->upper.client_ends.size() == 1; }));
  EXPECT_EQ(side->upper.client_messages.size(), 200U);
  EXPECT_EQ(side->upper.client_ends[0].code(), Code::kUnavailable);
  // This process lives on: nothing is proved about what it still writes.
  EXPECT_TRUE(side->upper.writers_gone.empty());
}

TEST_F(SessionTest, death_of_the_process_proves_its_writer_gone_after_the_client_is) {
  const std::string path = side->node().socket;
  const pid_t child = ::fork();
  if (child == 0) {
    TestClient client(path);
    client.send(hello());
    ::pause();
    ::_exit(0);
  }
  ASSERT_TRUE(until([&] { return side->upper.clients.size() == 1; }));
  const WriterId writer = side->upper.clients.front()->writer();
  ::kill(child, SIGKILL);
  ASSERT_TRUE(until([&] { return !side->upper.writers_gone.empty(); }));
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(side->upper.writers_gone, std::vector{writer});
  EXPECT_EQ(side->upper.events, (std::vector<std::string>{"client", "client lost", "writer gone"}));
  EXPECT_EQ(side->probe.sessions, 0);
}

TEST_F(SessionTest, standing_client_tick_matters_only_while_it_has_work) {
  SessionLimits limits;
  limits.tick = Millis(5);
  limits.engine_tick = Millis(20);
  restart(limits);
  const auto client = worker();
  const std::uint64_t before = client->ring->agent_tick().load();
  ASSERT_TRUE(until([&] { return client->ring->agent_tick().load() > before + 10; }));
  EXPECT_EQ(side->upper.events, (std::vector<std::string>{"client"}));
  side->busy = true;
  ASSERT_TRUE(until([&] { return side->upper.events.back() == "stalled"; }));
  client->ring->client_tick().fetch_add(1);
  ASSERT_TRUE(until([&] { return side->upper.events.back() == "resumed"; }));
}

TEST_F(SessionTest, peer_pool_is_announced_once_and_taken_back) {
  const auto client = worker();
  const PeerPool pool{PoolId{4}, PoolId{77}, "peer", small_shape(), 1, WriterId{}};
  side->upper.clients.front()->announce(pool);
  side->upper.clients.front()->announce(pool);
  side->sessions().forget_peer_pool(PoolId{77});
  side->sessions().forget_peer_pool(PoolId{77});
  ASSERT_TRUE(until([&] { return client->find<wire::PeerGone>() != nullptr; }));
  EXPECT_EQ(client->count<wire::PeerPool>(), 1U);
  EXPECT_EQ(client->find<wire::PeerPool>()->pool, PoolId{77});
  EXPECT_EQ(client->count<wire::PeerGone>(), 1U);
}

TEST(RegionMapTest, numbers_return_only_after_the_client_unmapped) {
  RegionMap map;
  const RegionId own = map.add({std::nullopt, 0}).value();
  const RegionId peer = map.add({LinkId{1}, 0}).value();
  EXPECT_NE(own, peer);
  EXPECT_EQ(map.unmap(LinkId{1}), std::vector{peer});
  EXPECT_EQ(map.find({LinkId{1}, 0}), std::nullopt);
  EXPECT_NE(map.add({LinkId{1}, 0}).value(), peer);
  EXPECT_FALSE(map.unmapped(own).ok());
  EXPECT_TRUE(map.unmapped(peer).ok());
  EXPECT_FALSE(map.unmapped(peer).ok());
  EXPECT_EQ(map.add({LinkId{2}, 0}).value(), peer);
}

TEST(CredentialsTest, own_user_and_root_may_connect) {
  EXPECT_TRUE(check_credentials({1, ::geteuid(), ::getegid()}).ok());
  EXPECT_TRUE(check_credentials({1, 0, 0}).ok());
}

}  // namespace
}  // namespace pegaflow::agent
