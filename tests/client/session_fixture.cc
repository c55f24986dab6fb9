#include "tests/client/session_fixture.h"

#include <future>
#include <utility>

#include "core/layout_builder.h"
#include "memory/host_mover.h"
#include "tests/base/poll_until.h"

namespace pegaflow::client::testing {
namespace {

core::GroupStyle style(core::BlockStyle block, core::Placement placement) {
  return {block, placement, 64, 0};
}

}  // namespace

SessionTest::SessionTest(std::vector<KvGroupShape> model, StubOptions options)
    : model_(std::move(model)),
      stub_(options),
      own_pool_(make_pool(style(core::BlockStyle::kPartNhd, core::Placement::kPerLayer))),
      peer_pool_(make_pool(style(core::BlockStyle::kHndKv, core::Placement::kBlockFirst))) {}

core::testing::TestPool SessionTest::make_pool(const core::GroupStyle& group_style) const {
  KvShape shape;
  shape.groups = model_;
  return {shape, std::vector<core::GroupStyle>(model_.size(), group_style)};
}

SessionConfig SessionTest::config() const {
  SessionConfig config;
  config.socket_path = stub_.socket_path();
  config.instance = "engine-0";
  return config;
}

void SessionTest::connect(SessionConfig config, std::unique_ptr<memory::Mover> mover,
                          const Clock* clock) {
  if (clock == nullptr) clock = &steady_;
  if (mover == nullptr) mover = std::make_unique<memory::HostMover>(*clock);
  auto connected = std::async(std::launch::async, [&] {
    return Runtime::connect(config, {*clock, WaitPolicy{}, memory::make_host_device(),
                                     std::move(streams_), std::move(mover)});
  });
  stub_.accept();
  stub_.welcome();
  auto session = connected.get();
  ASSERT_TRUE(session.ok()) << session.error().message();
  session_ = std::move(session).value();
}

void SessionTest::add_pool() {
  auto added =
      std::async(std::launch::async, [&] { return session_->add_pool(own_pool_.layout()); });
  const auto request = stub_.expect_setup<wire::AddPool>();
  stub_.send_setup(wire::PoolOk{request.request, kPool});
  const auto pool = added.get();
  ASSERT_TRUE(pool.ok()) << pool.error().message();
  pool_ = *pool;
}

void SessionTest::set_up(std::unique_ptr<memory::Mover> mover, const Clock* clock) {
  connect(config(), std::move(mover), clock);
  add_pool();
  stub_.add_region(kOwnRegion, true, kChunkBytes, 16);
  stub_.add_region(kPeerRegion, false, kChunkBytes, 16);
  stub_.send_setup(wire::PeerPool{kPeerPool, "engine-1", peer_pool_.shape()});
}

core::StreamPlan SessionTest::plan(wire::StreamRole role, std::uint32_t chunk_bytes) const {
  const std::vector<core::TokenRange> all(model_.size(), {0, kTokens});
  const bool source = role == wire::StreamRole::kSource;
  return core::plan_stream(source ? own_pool_.shape() : peer_pool_.shape(),
                           source ? peer_pool_.shape() : own_pool_.shape(), all, chunk_bytes)
      .value();
}

wire::RingStream SessionTest::stream_message(wire::StreamRole role, const Key& key,
                                             std::uint64_t handle, StreamKey stream,
                                             std::uint32_t streams) const {
  wire::RingStream message;
  message.stream = stream;
  message.role = role;
  message.key = key;
  message.handle = handle;
  message.pool = kPool;
  message.peer_pool = kPeerPool;
  message.chunk_bytes = kChunkBytes;
  message.plan_hash = plan(role).hash;
  message.streams = streams;
  message.integrity = true;
  for (std::size_t i = 0; i < model_.size(); ++i) message.tokens.push_back({0, kTokens});
  return message;
}

std::vector<std::uint32_t> SessionTest::ids(std::uint32_t first) const {
  std::vector<std::uint32_t> result;
  for (std::uint32_t i = 0; i < kTokens / kBlockTokens; ++i) {
    result.push_back(first + (i * 7) % (kTokens / kBlockTokens));
  }
  return result;
}

ReceiveSpec SessionTest::receive_spec(const Key& key) const {
  ReceiveSpec spec;
  spec.key = key;
  spec.pool = pool_;
  spec.source = {"engine-1", 0};
  spec.n_tokens = kTokens;
  for (std::size_t i = 0; i < model_.size(); ++i) spec.groups.push_back({{0, kTokens}, ids()});
  return spec;
}

Key SessionTest::offer(bool ready) {
  const Key key = Key::random();
  OfferSpec spec;
  spec.key = key;
  spec.pool = pool_;
  spec.n_tokens = kTokens;
  const Status status = session_->offer(spec);
  EXPECT_TRUE(status.ok()) << status.error().message();
  stub_.expect<wire::RingOffer>();
  if (ready) mark_everything(key);
  return key;
}

void SessionTest::mark_everything(const Key& key) {
  for (std::uint32_t group = 0; group < model_.size(); ++group) {
    EXPECT_TRUE(session_->table(key, group, 0, ids(), false).ok());
  }
  EXPECT_TRUE(session_->mark_cached(key, kTokens, kNoStream).ok());
}

std::uint64_t SessionTest::receive(const Key& key) {
  const Status status = session_->receive(receive_spec(key));
  EXPECT_TRUE(status.ok()) << status.error().message();
  return stub_.expect<wire::RingReceive>().handle;
}

Event SessionTest::expect_event() {
  const auto events = session_->wait(kTestDeadline);
  if (events.size() != 1) throw std::runtime_error(std::to_string(events.size()) + " events");
  return events[0];
}

::testing::AssertionResult holds_sequence(core::testing::TestPool& pool,
                                          const std::vector<std::uint32_t>& ids) {
  std::uint64_t wrong = 0;
  for (std::uint32_t group = 0; group < pool.shape().groups.size(); ++group) {
    core::testing::for_each_byte(pool.shape(), group, 0, kTokens,
                                 [&](const core::testing::KvByte& at) {
                                   if (pool.at(at, ids) != expected_byte(kSeed, at)) ++wrong;
                                 });
  }
  if (wrong == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << wrong << " bytes are wrong";
}

}  // namespace pegaflow::client::testing
