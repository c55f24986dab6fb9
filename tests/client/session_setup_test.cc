// Connecting and pools.
#include <gtest/gtest.h>

#include <future>

#include "memory/host_mover.h"
#include "tests/client/session_fixture.h"

namespace pegaflow::client::testing {
namespace {

class SetupTest : public SessionTest {
 protected:
  std::future<Result<std::unique_ptr<Runtime>>> connecting(SessionConfig config) {
    return std::async(std::launch::async, [this, config] {
      return Runtime::connect(config, {steady_, WaitPolicy{}, memory::make_host_device(), nullptr,
                                       std::make_unique<memory::HostMover>(steady_)});
    });
  }
  Code code_of(SessionConfig config) { return connecting(std::move(config)).get().error().code(); }
};

TEST_F(SetupTest, hello_says_who_connects) {
  SessionConfig as_control = config();
  as_control.role = SessionRole::kControl;
  as_control.rank = {1, 2, 0, 1, 3, 4};
  auto connected = connecting(as_control);
  const wire::Hello hello = stub_.accept();
  stub_.welcome();
  const auto session = connected.get();
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(hello.kind, wire::SessionKind::kControl);
  EXPECT_EQ(hello.instance, "engine-0");
  EXPECT_EQ(hello.rank, as_control.rank);
  EXPECT_EQ(hello.pid, ::getpid());
  EXPECT_EQ(hello.incarnation, (*session)->reference());
  EXPECT_NE(hello.incarnation, 0U);
}

TEST_F(SetupTest, no_agent_is_unavailable) {
  SessionConfig elsewhere = config();
  elsewhere.socket_path += ".none";
  EXPECT_EQ(code_of(elsewhere), Code::kUnavailable);
}

TEST_F(SetupTest, a_silent_agent_is_not_waited_for_beyond_the_deadline) {
  SessionConfig hasty = config();
  hasty.connect_timeout = std::chrono::milliseconds(20);
  EXPECT_EQ(code_of(hasty), Code::kDeadlineExceeded);
}

TEST_F(SetupTest, the_agents_no_is_passed_on) {
  auto connected = connecting(config());
  stub_.accept();
  stub_.send_setup(wire::No{Code::kResourceExhausted, "64 sessions exist"});
  const auto session = connected.get();
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code(), Code::kResourceExhausted);
  EXPECT_NE(session.error().message().find("64 sessions exist"), std::string::npos);
}

TEST_F(SetupTest, an_agent_that_hangs_up_is_unavailable) {
  auto connected = connecting(config());
  stub_.accept();
  stub_.hang_up();
  EXPECT_EQ(connected.get().error().code(), Code::kUnavailable);
}

TEST_F(SetupTest, a_welcome_without_its_files_breaks_the_protocol) {
  auto connected = connecting(config());
  stub_.accept();
  wire::Welcome welcome;
  welcome.epoch = AgentEpoch{1};
  welcome.session = SessionId{1};
  welcome.agent = "stub";
  welcome.ring_entries = 64;
  stub_.send_setup(welcome);
  EXPECT_EQ(connected.get().error().code(), Code::kProtocol);
}

TEST_F(SetupTest, a_config_that_cannot_work_is_refused_before_connecting) {
  const auto refused = [this](auto change) {
    SessionConfig bad = config();
    change(bad);
    return code_of(bad) == Code::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](SessionConfig& c) { c.socket_path.clear(); }));
  EXPECT_TRUE(refused([](SessionConfig& c) { c.instance.clear(); }));
  EXPECT_TRUE(refused([](SessionConfig& c) { c.instance = std::string(65, 'x'); }));
  EXPECT_TRUE(refused([](SessionConfig& c) { c.rank.tp = 1; }));
  EXPECT_TRUE(refused([](SessionConfig& c) { c.max_offers = 0; }));
  EXPECT_TRUE(refused([](SessionConfig& c) { c.max_events = 1U << 30; }));
  EXPECT_TRUE(refused([](SessionConfig& c) { c.connect_timeout = {}; }));
}

TEST_F(SetupTest, a_pool_is_announced_with_incarnation_and_inner_order) {
  connect(config());
  KvLayout layout = peer_pool_.layout();
  layout.shape.groups[0].inner_order = 0;
  auto added = std::async(std::launch::async, [&] { return session_->add_pool(layout); });
  const auto request = stub_.expect_setup<wire::AddPool>();
  EXPECT_EQ(request.shape.incarnation, session_->reference());
  EXPECT_EQ(request.shape.groups[0].inner_order, peer_pool_.shape().groups[0].inner_order);
  EXPECT_NE(request.shape.groups[0].inner_order, 0U);
  stub_.send_setup(wire::PoolOk{request.request, kPool});
  EXPECT_TRUE(added.get().ok());
}

TEST_F(SetupTest, the_agents_refusal_of_a_pool_is_passed_on) {
  connect(config());
  auto added =
      std::async(std::launch::async, [&] { return session_->add_pool(own_pool_.layout()); });
  const auto request = stub_.expect_setup<wire::AddPool>();
  stub_.send_setup(wire::PoolNo{request.request, Code::kAlreadyExists, "tp 0 has a pool"});
  EXPECT_EQ(added.get().error().code(), Code::kAlreadyExists);
}

TEST_F(SetupTest, add_pool_gives_up_after_the_deadline) {
  SessionConfig hasty = config();
  hasty.connect_timeout = std::chrono::milliseconds(200);
  connect(hasty);
  EXPECT_EQ(session_->add_pool(own_pool_.layout()).error().code(), Code::kDeadlineExceeded);
  const auto request = stub_.expect_setup<wire::AddPool>();
  stub_.send_setup(wire::PoolOk{request.request, kPool});  // too late, and harmless
  add_pool();
}

TEST_F(SetupTest, a_pool_of_another_rank_is_refused) {
  connect(config());
  KvLayout layout = own_pool_.layout();
  layout.shape.rank.dp_size = 2;
  EXPECT_EQ(session_->add_pool(layout).error().code(), Code::kInvalidArgument);
}

TEST_F(SetupTest, gpu_pools_are_refused_by_a_session_for_host_memory) {
  connect(config());
  KvLayout layout = own_pool_.layout();
  layout.memory = MemoryKind::kCuda;
  const auto pool = session_->add_pool(layout);
  ASSERT_FALSE(pool.ok());
  EXPECT_EQ(pool.error().code(), Code::kUnsupported);
  EXPECT_NE(pool.error().message().find("SessionConfig::gpu"), std::string::npos);
}

TEST_F(SetupTest, a_gpu_that_is_not_there_is_refused_before_the_agent_is_asked) {
  SessionConfig on_gpu = config();
  on_gpu.gpu = "GPU-00000000-dead-beef-0000-000000000000";
  const auto parts = make_parts(on_gpu, steady_);
  ASSERT_FALSE(parts.ok());
  EXPECT_NE(parts.error().message().find("GPU"), std::string::npos);
}

TEST_F(SetupTest, a_region_out_of_reach_does_not_end_the_session) {
  connect(config());
  stub_.announce_gpu_region(RegionId{9});
  add_pool();
  EXPECT_TRUE(session_->alive());
}

TEST_F(SetupTest, a_control_session_has_no_pools) {
  SessionConfig as_control = config();
  as_control.role = SessionRole::kControl;
  connect(as_control);
  EXPECT_EQ(session_->add_pool(own_pool_.layout()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(session_->offer({}).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(session_->receive(receive_spec(Key::random())).error().code(),
            Code::kFailedPrecondition);
}

TEST_F(SetupTest, an_unmapped_region_is_acknowledged) {
  set_up();
  stub_.send_setup(wire::UnmapRegion{kPeerRegion});
  EXPECT_EQ(stub_.expect_setup<wire::Unmapped>().region, kPeerRegion);
}

TEST_F(SetupTest, a_region_that_does_not_fit_its_files_ends_the_session) {
  connect(config());
  auto region = memory::Region::create({"r", MemoryKind::kHost, 4096, 4}).value();
  wire::MapRegion message{kOwnRegion, true, WriterId{1}, MemoryKind::kHost, 4096, 8, 1, 8 * 4096};
  const Key key = Key::random();
  IntendSpec intent;
  intent.key = key;
  intent.source = {"p", 0};
  intent.n_tokens = 1;
  ASSERT_TRUE(session_->intend(intent).ok());
  stub_.send_setup(message, region.fds());
  const Event event = expect_event();
  EXPECT_EQ(event.kind, EventKind::kRefused);
  EXPECT_EQ(event.reason, Reason::kAgentLost);
  EXPECT_NE(event.detail.find("region"), std::string::npos);
  EXPECT_FALSE(session_->alive());
}

}  // namespace
}  // namespace pegaflow::client::testing
