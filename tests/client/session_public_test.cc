// The public face: pegaflow/session.h alone, two engines and the agents' part played between them.
#include <gtest/gtest.h>

#include <cstring>
#include <future>

#include "pegaflow/session.h"
#include "tests/base/child_process.h"
#include "tests/base/poll_until.h"
#include "tests/client/session_fixture.h"

namespace pegaflow::client::testing {
namespace {

// One engine, its session, and its agent.
struct Engine {
  explicit Engine(core::GroupStyle style)
      : pool(
            [] {
              KvShape shape;
              shape.groups = {core::testing::small_group(4), core::testing::opaque_group(2, 512)};
              return shape;
            }(),
            std::vector<core::GroupStyle>(2, style)) {
    SessionConfig config;
    config.socket_path = stub.socket_path();
    config.instance = "engine";
    auto connected = std::async(std::launch::async, [&] { return Session::connect(config); });
    stub.accept();
    stub.welcome();
    session = std::move(connected.get()).value();
    auto added = std::async(std::launch::async, [&] { return session->add_pool(pool.layout()); });
    stub.send_setup(wire::PoolOk{stub.expect_setup<wire::AddPool>().request, kPool});
    handle = added.get().value();
    stub.add_region(kOwnRegion, true, kChunkBytes, 16);
  }
  Event event() {
    const auto events = session->wait(kTestDeadline);
    if (events.size() != 1) throw std::runtime_error("not one event");
    return events[0];
  }
  AgentStub stub;
  core::testing::TestPool pool;
  std::unique_ptr<Session> session;
  PoolHandle handle;
};

class PublicTest : public ::testing::Test {
 protected:
  PublicTest() {
    p_.stub.send_setup(wire::PeerPool{kPeerPool, "d", d_.pool.shape()});
    d_.stub.send_setup(wire::PeerPool{kPeerPool, "p", p_.pool.shape()});
    plan_ = core::plan_stream(p_.pool.shape(), d_.pool.shape(), all_, kChunkBytes).value();
  }
  void open(AgentStub& stub, wire::StreamRole role, std::uint64_t handle) {
    wire::RingStream message;
    message.stream = stream_;
    message.role = role;
    message.key = key_;
    message.handle = handle;
    message.pool = kPool;
    message.peer_pool = kPeerPool;
    message.chunk_bytes = kChunkBytes;
    message.plan_hash = plan_.hash;
    message.streams = 1;
    message.integrity = true;
    for (const core::TokenRange& range : all_) message.tokens.push_back({range.begin, range.end});
    stub.send(message);
  }
  // What two agents do with one chunk.
  void carry_chunk() {
    p_.stub.send(wire::RingCredit{stream_, {p_.stub.lend(kOwnRegion, 1)}});
    const auto gathered = p_.stub.expect_past_ready<wire::RingGathered>().slots[0];
    auto& from = p_.stub.region(kOwnRegion);
    const auto header = from.control().read_header(gathered.slot.slot);
    const wire::SlotRef slot = d_.stub.lend(kOwnRegion, 2);
    std::memcpy(d_.stub.region(kOwnRegion).slot(slot.slot).data(),
                from.slot(gathered.slot.slot).data(), header.bytes);
    d_.stub.set_word(slot, core::SlotState::kFilled);
    d_.stub.send(
        wire::RingScatter{stream_,
                          {{slot, gathered.chunk, header.bytes,
                            static_cast<std::uint32_t>(header.checksum), header.t_ready, 0, 0}}});
    EXPECT_TRUE(d_.stub.expect<wire::RingScattered>().slots[0].ok);
  }

  Engine p_{{core::BlockStyle::kPartNhd, core::Placement::kPerLayer, 64, 0}};
  Engine d_{{core::BlockStyle::kBlockPartHnd, core::Placement::kLayerFirst, 64, 96}};
  const std::vector<core::TokenRange> all_{{0, kTokens}, {0, kTokens}};
  core::StreamPlan plan_;
  const Key key_ = Key::random();
  const StreamKey stream_{XferId{5}, StreamId{1}};
  const std::vector<std::uint32_t> p_ids_{9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  const std::vector<std::uint32_t> d_ids_{33, 2, 31, 4, 35, 6, 37, 8, 39, 10};
};

TEST_F(PublicTest, kv_cache_arrives_in_another_layout) {
  OfferSpec offer;
  offer.key = key_;
  offer.pool = p_.handle;
  offer.n_tokens = kTokens;
  ASSERT_TRUE(p_.session->offer(offer).ok());
  p_.stub.expect<wire::RingOffer>();
  ReceiveSpec receive;
  receive.key = key_;
  receive.pool = d_.handle;
  receive.source = {"p", 0};
  receive.n_tokens = kTokens;
  receive.groups = {{{0, kTokens}, d_ids_}, {{0, kTokens}, d_ids_}};
  ASSERT_TRUE(d_.session->receive(receive).ok());
  open(d_.stub, wire::StreamRole::kSink, d_.stub.expect<wire::RingReceive>().handle);
  open(p_.stub, wire::StreamRole::kSource, 0);

  for (std::uint32_t group = 0; group < 2; ++group) {
    p_.pool.fill(kSeed, group, 0, kTokens, p_ids_);
    ASSERT_TRUE(p_.session->table(key_, group, 0, p_ids_, false).ok());
  }
  ASSERT_TRUE(p_.session->mark_cached(key_, 16).ok());
  const StepSpan span{key_, {16, kTokens}};
  ASSERT_TRUE(p_.session->begin_step({&span, 1}).ok());
  for (std::uint32_t layer = 0; layer < 4; ++layer) {
    ASSERT_TRUE(p_.session->layer_done(0, layer).ok());
  }
  ASSERT_TRUE(p_.session->end_step().ok());
  ASSERT_TRUE(p_.session->finish(key_).ok());
  p_.stub.expect_past_ready<wire::RingFinish>();

  for (std::uint32_t i = 0; i < plan_.n_chunks; ++i) carry_chunk();
  EXPECT_EQ(p_.event().kind, EventKind::kSent);
  const Event done = d_.event();
  EXPECT_EQ(done.kind, EventKind::kDone);
  EXPECT_EQ(done.stats.bytes, plan_.bytes);
  EXPECT_TRUE(holds_sequence(d_.pool, d_ids_));
}

TEST_F(PublicTest, a_forked_child_may_destroy_what_it_inherited) {
  ChildProcess child([this] {
    const bool inert = p_.session->finish(key_).error().code() == Code::kFailedPrecondition;
    p_.session.reset();
    return inert ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(p_.session->alive());
}

}  // namespace
}  // namespace pegaflow::client::testing
