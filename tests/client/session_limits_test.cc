// Every queue has a bound, and what happens there.
#include <gtest/gtest.h>

#include <set>

#include "client/limits.h"
#include "tests/client/sink_fixture.h"
#include "tests/client/source_fixture.h"

namespace pegaflow::client::testing {
namespace {

class LimitsTest : public SourceTest {
 protected:
  LimitsTest() : SourceTest({core::testing::small_group(4)}, {16, 120'000, 3000}) {}
  void set_up_with(SessionConfig limits) {
    connect(std::move(limits));
    add_pool();
    stub_.add_region(kOwnRegion, true, kChunkBytes, 16);
    stub_.send_setup(wire::PeerPool{kPeerPool, "engine-1", peer_pool_.shape()});
  }
  Status try_offer() {
    OfferSpec spec;
    spec.key = Key::random();
    spec.pool = pool_;
    spec.n_tokens = kTokens;
    return session_->offer(spec);
  }
};

TEST_F(LimitsTest, live_offers_are_bounded) {
  SessionConfig limits = config();
  limits.max_offers = 2;
  set_up_with(limits);
  const Key key = offer(false);
  offer(false);
  EXPECT_EQ(try_offer().error().code(), Code::kResourceExhausted);
  ASSERT_TRUE(session_->withdraw(key, Reason::kWithdrawn, kNoStream).ok());
  EXPECT_TRUE(try_offer().ok());
}

TEST_F(LimitsTest, live_receives_and_intents_are_bounded) {
  SessionConfig limits = config();
  limits.max_receives = 1;
  set_up_with(limits);
  receive(Key::random());
  EXPECT_EQ(session_->receive(receive_spec(Key::random())).error().code(),
            Code::kResourceExhausted);
  IntendSpec intent;
  intent.source = {"p", 0};
  intent.n_tokens = 1;
  intent.key = Key::random();
  ASSERT_TRUE(session_->intend(intent).ok());
  intent.key = Key::random();
  EXPECT_EQ(session_->intend(intent).error().code(), Code::kResourceExhausted);
}

TEST_F(LimitsTest, no_work_is_taken_on_whose_events_would_not_fit) {
  SessionConfig limits = config();
  limits.max_events = 5;
  set_up_with(limits);
  const Key first = offer(false);
  offer(false);
  EXPECT_EQ(try_offer().error().code(), Code::kResourceExhausted) << "an offer may need two";
  receive(Key::random());
  EXPECT_EQ(session_->receive(receive_spec(Key::random())).error().code(),
            Code::kResourceExhausted);
  ASSERT_TRUE(session_->withdraw(first, Reason::kWithdrawn, kNoStream).ok());
  EXPECT_EQ(try_offer().error().code(), Code::kResourceExhausted) << "its event is unread";
  EXPECT_EQ(expect_event().kind, EventKind::kWithdrawn);
  EXPECT_TRUE(try_offer().ok());
}

TEST_F(LimitsTest, a_full_ring_holds_messages_back_and_loses_none) {
  set_up_with(config());
  std::set<Key> offered;
  for (std::size_t i = 0; i < 100; ++i) {  // the ring takes 16
    OfferSpec spec;
    spec.key = Key::random();
    spec.pool = pool_;
    spec.n_tokens = kTokens;
    ASSERT_TRUE(session_->offer(spec).ok());
    offered.insert(spec.key);
  }
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(offered.erase(stub_.expect<wire::RingOffer>().key), 1U);
  }
  EXPECT_TRUE(offered.empty());
}

TEST_F(LimitsTest, an_agent_that_does_not_read_gets_no_new_work) {
  set_up_with(config());
  Status status;
  std::size_t taken = 0;
  for (; status.ok() && taken < 1000; ++taken) status = try_offer();
  EXPECT_EQ(status.error().code(), Code::kResourceExhausted);
  EXPECT_LE(taken, kBacklogMessages + 32);
  for (std::size_t i = 0; i + 1 < taken; ++i) stub_.expect<wire::RingOffer>();
  EXPECT_TRUE(try_offer().ok());
}

TEST_F(LimitsTest, ready_counts_are_latest_state_when_the_ring_is_full) {
  set_up_with(config());
  const Key key = offer(false);
  open(key);
  stub_.expect_ready(0);
  for (std::size_t i = 0; i < 40; ++i) ASSERT_TRUE(try_offer().ok());
  ASSERT_TRUE(session_->table(key, 0, 0, ids(), false).ok());
  for (std::uint32_t token = 1; token <= kTokens; ++token) {
    ASSERT_TRUE(session_->mark_cached(key, token, kNoStream).ok());
  }
  std::uint32_t last = 0;
  for (std::size_t offers = 0; offers < 40 || last < n_chunks();) {
    const auto message = stub_.next();
    offers += std::holds_alternative<wire::RingOffer>(message) ? 1 : 0;
    if (const auto* ready = std::get_if<wire::RingReady>(&message)) {
      EXPECT_GT(ready->ready, last);
      last = ready->ready;
    }
  }
  EXPECT_EQ(last, n_chunks());
}

TEST_F(LimitsTest, credits_beyond_the_limit_stop_the_stream) {
  set_up_with(config());
  open(offer(false));
  stub_.expect_ready(0);
  const wire::SlotRef slot = stub_.lend(kOwnRegion, 0);
  wire::RingCredit credits{kStream, {}};
  while (!credits.slots.full()) credits.slots.push_back(slot);
  for (std::size_t i = 0; i <= kMaxCreditsPerStream / credits.slots.size(); ++i) {
    stub_.send(credits);
  }
  std::size_t returned = 0;
  while (returned < kMaxCreditsPerStream) {
    returned += stub_.expect<wire::RingStopped>().unspent.size();
  }
  EXPECT_EQ(returned, kMaxCreditsPerStream);
}

}  // namespace
}  // namespace pegaflow::client::testing
