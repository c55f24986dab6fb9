// A client that lies in its ring: it sends every message, with names of its own and of others,
// with slots that it was never lent, in any order. Whatever it says, the agent lives, and the
// transfers of other clients are done.
#include <gtest/gtest.h>

#include "tests/agent/transfer/transfer_test.h"

namespace pegaflow::agent {
namespace {

using namespace std::chrono_literals;

class Liar {
 public:
  Liar(World& world, bool source, std::uint32_t seed)
      : world_(world), client_(world, SessionId{9}, source), source_(source), random_(seed) {
    service().on_client(client_);
  }

  FakeClient& client() { return client_; }
  // One of the victim's keys and handles, to be named in lies.
  void knows(const Key& key) { keys_.push_back(key); }

  void lie() {
    service().on_client_message(client_, message());
    client_.inbox.clear();
  }
  // Every process of this agent can write to its slots' words and headers.
  void scribble() {
    memory::Region& region = source_ ? world_.p_region : world_.d_region;
    const SlotIndex slot{any() % world_.options.slots};
    region.control().word(slot) = std::uint64_t{any()} << (any() % 32);
    region.control().header(slot)->bytes = any();
    region.control().header(slot)->chunk = any();
  }

 private:
  std::uint32_t any() { return static_cast<std::uint32_t>(random_()); }
  TransferService& service() { return source_ ? *world_.p : *world_.d; }

  StreamKey stream() {
    const FakeClient& victim = source_ ? world_.p_client : world_.d_client;
    if (victim.streams.empty() || any() % 4 == 0) {
      return {XferId{any() % 8}, StreamId{any() % 4}};
    }
    auto at = victim.streams.begin();
    std::advance(at, any() % victim.streams.size());
    return at->first;
  }
  Key key() {
    if (keys_.empty() || any() % 4 == 0) return Key::random();
    return keys_[any() % keys_.size()];
  }
  PoolId pool() { return any() % 2 == 0 ? client_.pool.id : PoolId{any() % 4}; }
  wire::SlotRef slot() {
    return {RegionId{static_cast<std::uint16_t>(any() % 3)}, SlotIndex{any() % 20},
            Generation{any() % 4}};
  }
  ChunkIndex chunk() { return ChunkIndex{any() % 20}; }

  wire::ClientMessage message() {
    switch (any() % 13) {
      case 0:
        return wire::RingOffer{key(), pool(), any() % 512, {}, any() % 3};
      case 1:
        return wire::RingReady{stream(), any()};
      case 2:
        return wire::RingRewound{stream(), any() % 20};
      case 3:
        return wire::RingWithdraw{key(), Reason::kWithdrawn};
      case 4:
        return wire::RingFinish{key()};
      case 5:
        return wire::RingIntend{key(), {"prefill", 0}, {}, {}, any() % 512, any() % 2};
      case 6:
        return receive();
      case 7:
        return wire::RingCancel{any() % 4};
      case 8:
        return wire::RingLeft{stream()};
      case 9:
        return wire::RingGathered{stream(), {{slot(), chunk(), any() % 2 == 0}}};
      case 10:
        return wire::RingScattered{stream(), {{slot(), chunk(), any() % 2 == 0, 1}}};
      case 11:
        return wire::RingStopped{stream(), {slot()}};
      default:
        return wire::RingReady{stream(), 0};
    }
  }
  wire::ClientMessage receive() {
    wire::RingReceive request;
    request.key = any() % 4 == 0 ? Key::random() : key();
    request.handle = any() % 4;
    request.pool = pool();
    request.source = {any() % 2 == 0 ? "prefill" : "nobody", any() % 2};
    request.n_tokens = any() % 512;
    const std::uint32_t spans = any() % 3;
    for (std::uint32_t i = 0; i < spans; ++i) {
      request.tokens.push_back({any() % 512, any() % 512});
    }
    return request;
  }

  World& world_;
  FakeClient client_;
  bool source_;
  std::mt19937 random_;
  std::vector<Key> keys_;
};

struct Case {
  DataPath path;
  bool source;
};

class HostileClient : public testing::TestWithParam<Case> {};

TEST_P(HostileClient, does_not_keep_others_from_their_transfers) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    World world({GetParam().path});
    Liar liar(world, GetParam().source, seed);
    std::mt19937 random(seed);
    const Key key = Key::random();
    world.p_client.offer(key, kTokens);
    world.p_client.ready = kChunks;
    const std::uint64_t handle = world.d_client.receive(key, kTokens);
    // A key is a secret between those who transfer: the liar knows other ones.
    liar.knows(Key::random());
    for (int i = 0; i < 400; ++i) {
      liar.lie();
      world.step(random);
    }
    world.settle();
    EXPECT_EQ(world.d_client.verified[handle].size(), kChunks) << "seed " << seed;
    EXPECT_EQ(world.d_client.wrong_bytes, 0U) << "seed " << seed;
    TransferService& service = GetParam().source ? *world.p : *world.d;
    service.on_client_lost(liar.client(), Error(Code::kUnavailable, "gone"));
    world.settle();
    world.advance(121s);
    world.settle();
    EXPECT_EQ(world.free_slots(service), world.options.slots) << "seed " << seed;
  }
}

// It may spoil transfers of its own agent then, but never the agent.
TEST_P(HostileClient, that_scribbles_over_slots_does_not_end_the_agent) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    World world({GetParam().path});
    Liar liar(world, GetParam().source, seed);
    std::mt19937 random(seed);
    for (int transfer = 0; transfer < 4; ++transfer) {
      const Key key = Key::random();
      liar.knows(key);
      world.p_client.offer(key, kTokens);
      world.d_client.receive(key, kTokens);
    }
    world.p_client.ready = kChunks;
    for (int i = 0; i < 400; ++i) {
      liar.lie();
      liar.scribble();
      world.step(random);
    }
    world.d->poll();
    world.advance(121s);
    EXPECT_EQ(world.d->snapshot().receives, 0U) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Sides, HostileClient,
                         testing::Values(Case{DataPath::kDirect, true},
                                         Case{DataPath::kDirect, false},
                                         Case{DataPath::kAgent, true},
                                         Case{DataPath::kAgent, false}, Case{DataPath::kUcx, true},
                                         Case{DataPath::kUcx, false}),
                         [](const auto& test) {
                           const Case& c = test.param;
                           return name_of(c.path) + (c.source ? "_source" : "_sink");
                         });

}  // namespace
}  // namespace pegaflow::agent
