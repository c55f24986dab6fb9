#include "rendezvous/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace pegaflow::rendezvous {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, doubles_up_to_the_last_with_at_least_half) {
  for (int run = 0; run < 100; ++run) {
    Backoff backoff(milliseconds(100), milliseconds(1'000));
    milliseconds longest(100);
    for (int i = 0; i < 70; ++i) {
      const auto wait = backoff.failed();
      EXPECT_GE(wait, longest / 2);
      EXPECT_LE(wait, longest);
      longest = std::min(longest * 2, milliseconds(1'000));
    }
    EXPECT_EQ(backoff.failures(), 70U);
    backoff.succeeded();
    EXPECT_LE(backoff.failed(), milliseconds(100));
  }
}

TEST(Backoff, callers_spread) {
  std::set<milliseconds> waits;
  for (int i = 0; i < 100; ++i) {
    waits.insert(Backoff(milliseconds(1'000), milliseconds(1'000)).failed());
  }
  EXPECT_GT(waits.size(), 20U);
}

TEST(Backoff, is_never_zero) {
  EXPECT_GE(Backoff(milliseconds(0), milliseconds(0)).failed(), milliseconds(1));
}

}  // namespace
}  // namespace pegaflow::rendezvous
