#include "core/credits.h"

#include <gtest/gtest.h>

#include "core/stream_states.h"

namespace pegaflow::core {
namespace {

TEST(Credits, only_ready_chunks_pull_credits) {
  Credits credits(4, 16, 4);
  const CreditStream idle = credits.add(10, 4);
  const CreditStream ready = credits.add(10, 4);
  EXPECT_FALSE(credits.next().has_value());
  credits.set_ready(ready, 2);
  EXPECT_EQ(credits.next(), ready);
  EXPECT_EQ(credits.next(), ready);
  EXPECT_FALSE(credits.next().has_value());
  EXPECT_EQ(credits.out(idle), 0U);
}

TEST(Credits, a_stream_holds_at_most_its_window) {
  Credits credits(1, 16, 3);
  const CreditStream stream = credits.add(10, 3);
  credits.set_ready(stream, 10);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(credits.next().has_value());
  EXPECT_FALSE(credits.next().has_value());
  credits.filled(stream);
  EXPECT_TRUE(credits.next().has_value());
}

TEST(Credits, slots_go_round_robin) {
  Credits credits(2, 16, 4);
  const CreditStream a = credits.add(10, 4);
  const CreditStream b = credits.add(10, 4);
  credits.set_ready(a, 10);
  credits.set_ready(b, 10);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(credits.next().has_value());
  EXPECT_EQ(credits.out(a), 2U);
  EXPECT_EQ(credits.out(b), 2U);
}

TEST(Credits, eager_credits_leave_a_window_free) {
  Credits credits(8, 8, 6);  // at most min(4, 8 − 6) = 2
  int taken = 0;
  for (int i = 0; i < 4; ++i) taken += credits.take_eager(credits.add(5, 6)) ? 1 : 0;
  EXPECT_EQ(taken, 2);
}

TEST(Credits, a_stream_may_have_a_window_of_eager_credits) {
  Credits credits(8, 64, 4);
  const CreditStream stream = credits.add(9, 4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(credits.take_eager(stream));
  EXPECT_FALSE(credits.take_eager(stream));
  EXPECT_EQ(credits.eager(stream), 4U);
  credits.set_ready(stream, 3);
  EXPECT_EQ(credits.eager(stream), 1U);
  EXPECT_EQ(credits.eager_out(), 1U);
}

TEST(Credits, half_of_the_eager_credits_are_for_streams_that_have_none) {
  Credits credits(8, 16, 8);  // 8 eager ones
  const CreditStream greedy = credits.add(20, 8);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(credits.take_eager(greedy));
  EXPECT_FALSE(credits.take_eager(greedy));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(credits.take_eager(credits.add(20, 8)));
  EXPECT_FALSE(credits.take_eager(credits.add(20, 8)));
}

TEST(Credits, no_credit_is_eager_while_ready_data_has_none) {
  Credits credits(1, 64, 4);
  const CreditStream stream = credits.add(9, 4);
  credits.set_ready(stream, 1);
  EXPECT_FALSE(credits.take_eager(stream));
  EXPECT_EQ(credits.next(), stream);
  EXPECT_TRUE(credits.take_eager(stream));
}

TEST(Credits, a_full_window_is_refilled_by_quarters) {
  Credits credits(1, 64, 8);
  const CreditStream stream = credits.add(40, 8);
  credits.set_ready(stream, 40);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(credits.next().has_value());
  credits.filled(stream);
  EXPECT_FALSE(credits.next().has_value());
  credits.filled(stream);
  EXPECT_TRUE(credits.next().has_value());
  EXPECT_TRUE(credits.next().has_value());
  EXPECT_FALSE(credits.next().has_value());
}

TEST(Credits, the_last_chunks_do_not_wait_for_a_quarter) {
  Credits credits(1, 64, 8);
  const CreditStream stream = credits.add(9, 8);
  credits.set_ready(stream, 9);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(credits.next().has_value());
  credits.filled(stream);
  EXPECT_TRUE(credits.next().has_value());
}

TEST(Credits, an_eager_credit_is_owed_only_once_data_is_ready) {
  Credits credits(8, 64, 4);
  const CreditStream stream = credits.add(5, 4);
  ASSERT_TRUE(credits.take_eager(stream));
  EXPECT_EQ(credits.owed(stream), 0U);
  credits.set_ready(stream, 3);
  EXPECT_EQ(credits.owed(stream), 1U);
}

TEST(Credits, a_stream_with_no_chunks_gets_none) {
  Credits credits(1, 8, 2);
  const CreditStream stream = credits.add(0, 2);
  EXPECT_FALSE(credits.take_eager(stream));
  credits.set_ready(stream, 5);
  EXPECT_FALSE(credits.next().has_value());
}

TEST(StreamStates, a_sink_ends_once) {
  for (const SinkEvent event : {SinkEvent::kNotOffered, SinkEvent::kNothingOwed, SinkEvent::kOwed,
                                SinkEvent::kVerified, SinkEvent::kFail, SinkEvent::kProven}) {
    EXPECT_FALSE(next(SinkState::kEnded, event).has_value());
  }
}

TEST(StreamStates, a_failing_sink_waits_for_its_proof_only) {
  EXPECT_EQ(next(SinkState::kFailing, SinkEvent::kProven), SinkState::kEnded);
  EXPECT_FALSE(next(SinkState::kFailing, SinkEvent::kVerified).has_value());
  EXPECT_FALSE(next(SinkState::kFailing, SinkEvent::kFail).has_value());
}

TEST(StreamStates, a_source_ends_once) {
  for (const SourceEvent event : {SourceEvent::kOffered, SourceEvent::kLeft, SourceEvent::kDone,
                                  SourceEvent::kAbort, SourceEvent::kDrained}) {
    EXPECT_FALSE(next(SourceState::kEnded, event).has_value());
  }
}

TEST(StreamStates, done_may_overtake_left) {
  EXPECT_EQ(next(SourceState::kActive, SourceEvent::kDone), SourceState::kEnded);
  EXPECT_EQ(next(SourceState::kSent, SourceEvent::kDone), SourceState::kEnded);
  EXPECT_FALSE(next(SourceState::kWaitOffer, SourceEvent::kDone).has_value());
}

}  // namespace
}  // namespace pegaflow::core
