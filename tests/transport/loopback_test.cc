// What only the loopback network does: hooks, and steps from a seed.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "side.h"
#include "transport/loopback/network.h"

namespace pegaflow::transport::testing {
namespace {

// Two connected sides in one thread.
class Pair {
 public:
  explicit Pair(LoopbackNetwork& network)
      : a(network.make_context(), make_host_area, 4096),
        b(network.make_context(), make_host_area, 4096) {
    EXPECT_TRUE(a.make_worker().ok());
    EXPECT_TRUE(b.make_worker().ok());
    EXPECT_TRUE(a.worker()->connect(b.worker()->address()).ok());
    EXPECT_TRUE(b.worker()->connect(a.worker()->address()).ok());
    EXPECT_TRUE(a.unpack(b.target_memory().remote_key()).ok());
    EXPECT_TRUE(b.unpack(a.target_memory().remote_key()).ok());
  }
  void run() {
    while (a.worker()->progress() + b.worker()->progress() > 0) {
    }
  }

  Side a;
  Side b;
};

TEST(Loopback, held_puts_are_overtaken_by_messages_and_land_when_released) {
  LoopbackNetwork network;
  Pair pair(network);
  network.hold_puts(*pair.a.worker());
  ASSERT_TRUE(pair.a.put_pattern(1, 0, 100).ok());
  ASSERT_TRUE(pair.a.flush(0).ok());
  ASSERT_TRUE(pair.a.send_next().ok());
  pair.run();
  EXPECT_EQ(pair.b.record().received, 1U);
  EXPECT_EQ(pair.a.flushed(), 0U);
  EXPECT_FALSE(has_pattern(pair.b.target().first(100), 1));
  static_cast<void>(pair.a.worker()->arm());    // takes the wake-ups so far
  EXPECT_TRUE(pair.a.worker()->arm().value());  // nothing to do until they are released
  network.release_puts(*pair.a.worker());
  EXPECT_FALSE(pair.a.worker()->arm().value());
  pair.run();
  EXPECT_EQ(pair.a.record().flushed_ok, 1U);
  EXPECT_TRUE(has_pattern(pair.b.target().first(100), 1));
}

TEST(Loopback, a_put_copies_its_source_when_it_lands_not_before) {
  LoopbackNetwork network;
  Pair pair(network);
  ASSERT_TRUE(pair.a.put_pattern(1, 0, 100).ok());
  fill_pattern(pair.a.source().first(100), 2);
  pair.run();
  EXPECT_TRUE(has_pattern(pair.b.target().first(100), 2));
}

TEST(Loopback, a_cut_link_breaks_both_sides_and_loses_what_was_held) {
  LoopbackNetwork network;
  Pair pair(network);
  network.hold_puts(*pair.a.worker());
  ASSERT_TRUE(pair.a.put_pattern(1, 0, 100).ok());
  ASSERT_TRUE(pair.a.flush(0).ok());
  network.break_link(*pair.b.worker());
  pair.run();
  EXPECT_EQ(pair.a.record().broken, 1U);
  EXPECT_EQ(pair.b.record().broken, 1U);
  EXPECT_EQ(pair.a.record().flushed_failed, 1U);
  EXPECT_EQ(pair.a.reports_of(0), 1U);
  network.release_puts(*pair.a.worker());
  pair.run();
  EXPECT_FALSE(has_pattern(pair.b.target().first(100), 1));
}

TEST(Loopback, a_message_that_arrived_before_the_cut_is_delivered) {
  LoopbackNetwork network;
  Pair pair(network);
  ASSERT_TRUE(pair.a.send_next().ok());
  network.break_link(*pair.a.worker());
  pair.run();
  EXPECT_EQ(pair.b.record().received, 1U);
  EXPECT_EQ(pair.b.record().broken, 1U);
}

TEST(Loopback, a_put_to_memory_no_longer_registered_breaks_the_link) {
  LoopbackNetwork network;
  Pair pair(network);
  ASSERT_TRUE(pair.b.register_target().ok());
  ASSERT_TRUE(pair.a.put_pattern(1, 0, 100).ok());
  ASSERT_TRUE(pair.a.flush(0).ok());
  pair.run();
  EXPECT_EQ(pair.a.record().broken, 1U);
  EXPECT_EQ(pair.a.record().flushed_failed, 1U);
  EXPECT_FALSE(has_pattern(pair.b.target().first(100), 1));
}

TEST(Loopback, a_worker_has_one_peer) {
  LoopbackNetwork network;
  Pair pair(network);
  Side third(network.make_context());
  ASSERT_TRUE(third.make_worker().ok());
  ASSERT_TRUE(third.worker()->connect(pair.a.worker()->address()).ok());
  while (third.worker()->progress() > 0) {
  }
  pair.run();
  EXPECT_EQ(third.record().broken, 1U);
  EXPECT_EQ(pair.a.record().broken, 0U);
}

TEST(LoopbackLimits, puts_are_refused_beyond_theirs) {
  LoopbackNetwork network;
  Pair pair(network);
  std::size_t accepted = 0;
  while (accepted <= kMaxUnfinishedPuts && pair.a.put_pattern(1, 0, 1).ok()) ++accepted;
  EXPECT_EQ(accepted, kMaxUnfinishedPuts);
  EXPECT_EQ(pair.a.put_pattern(1, 0, 1).error().code(), Code::kResourceExhausted);
  EXPECT_TRUE(pair.a.flush(0).ok());
  pair.run();
  EXPECT_EQ(pair.a.record().flushed_ok, 1U);
  EXPECT_TRUE(pair.a.put_pattern(1, 0, 1).ok());
}

TEST(SteppedLoopback, nothing_moves_without_a_step) {
  LoopbackNetwork network(7);
  Pair pair(network);
  ASSERT_TRUE(pair.a.send_next().ok());
  pair.run();
  EXPECT_EQ(pair.b.record().received, 0U);
  EXPECT_TRUE(network.step());
  EXPECT_FALSE(network.step());
  pair.run();
  EXPECT_EQ(pair.b.record().received, 1U);
}

// One run of traffic in both directions; the order in which things were seen.
std::string history(std::uint64_t seed) {
  LoopbackNetwork network(seed);
  Pair pair(network);
  std::string seen;
  pair.b.message_hook = [&] { seen += has_pattern(pair.b.target().first(50), 1) ? 'M' : 'm'; };
  EXPECT_TRUE(pair.a.put_pattern(1, 0, 50).ok());
  EXPECT_TRUE(pair.a.flush(0).ok());
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(pair.a.send_next().ok());
    EXPECT_TRUE(pair.b.send_next().ok());
  }
  while (network.step()) {
    pair.run();
    seen += static_cast<char>('0' + pair.a.flushed());
    EXPECT_TRUE(pair.a.flushed() == 0 || has_pattern(pair.b.target().first(50), 1));
  }
  EXPECT_EQ(pair.a.record().flushed_ok, 1U);
  EXPECT_EQ(pair.b.record().received, 5U);
  EXPECT_EQ(pair.a.record().received, 5U);
  EXPECT_EQ(pair.a.record().corrupt + pair.b.record().corrupt, 0U);
  return seen;
}

RC_GTEST_PROP(SteppedLoopback, order_and_flushes_hold_for_every_seed, (std::uint64_t seed)) {
  RC_ASSERT(history(seed) == history(seed));
}

TEST(SteppedLoopback, seeds_let_messages_overtake_puts_and_not) {
  bool overtaken = false;
  bool not_overtaken = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto seen = history(seed);
    overtaken = overtaken || seen.find('m') != std::string::npos;
    not_overtaken = not_overtaken || seen.find('m') == std::string::npos;
  }
  EXPECT_TRUE(overtaken);
  EXPECT_TRUE(not_overtaken);
}

}  // namespace
}  // namespace pegaflow::transport::testing
