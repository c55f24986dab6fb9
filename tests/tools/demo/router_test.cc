#include "pegaflow-demo/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pegaflow::demo {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Arrival> arrivals(const std::vector<int>& at_ms) {
  std::vector<Arrival> result;
  for (const int at : at_ms) result.push_back({milliseconds(at), {10, 10, {1}}});
  return result;
}

Received received(std::uint32_t id, std::uint64_t done_ns, std::uint64_t bytes) {
  Received report{id, 0, done_ns, {}};
  report.stats.bytes = bytes;
  report.stats.wire = Nanos(bytes);
  return report;
}

const OfferEnded kOfferDone{0, EventKind::kDone, Reason::kNone, ""};

TEST(Router, releases_requests_when_they_arrive) {
  Router router({1, 1, 10}, arrivals({0, 100, 100}));
  EXPECT_THAT(router.release(milliseconds(0)), ElementsAre(0u));
  EXPECT_EQ(router.next_release(), milliseconds(100));
  EXPECT_THAT(router.release(milliseconds(99)), IsEmpty());
  EXPECT_THAT(router.release(milliseconds(100)), ElementsAre(1u, 2u));
  EXPECT_EQ(router.next_release(), std::nullopt);
}

TEST(Router, holds_requests_back_beyond_the_concurrency_until_one_has_ended) {
  Router router({1, 1, 1}, arrivals({0, 0}));
  EXPECT_THAT(router.release(milliseconds(5)), ElementsAre(0u));
  EXPECT_EQ(router.next_release(), std::nullopt);
  router.on_report(received(0, 10, 1));
  router.on_report(Verified{0, 0, ""});
  EXPECT_THAT(router.release(milliseconds(5)), IsEmpty()) << "P has not ended yet";
  router.on_report(kOfferDone);
  EXPECT_THAT(router.release(milliseconds(5)), ElementsAre(1u));
}

TEST(Router, a_request_ends_when_all_ranks_of_both_sides_have_ended) {
  Router router({2, 2, 1}, arrivals({0}));
  router.release(milliseconds(0));
  router.on_report(Produced{0, 0, 100, 200});
  router.on_report(Produced{0, 0, 90, 250});
  router.on_report(received(0, 400, 5));
  router.on_report(received(0, 300, 7));
  for (int rank = 0; rank < 2; ++rank) {
    router.on_report(Verified{0, 0, ""});
    EXPECT_FALSE(router.finished());
    router.on_report(kOfferDone);
  }
  EXPECT_TRUE(router.finished());
  EXPECT_TRUE(router.succeeded(0));
  const auto& outcome = router.outcomes()[0];
  EXPECT_EQ(outcome.first_ready_ns, 90u);
  EXPECT_EQ(outcome.last_ready_ns, 250u);
  EXPECT_EQ(outcome.done_ns, 400u);
  EXPECT_EQ(outcome.stats.bytes, 12u);
  EXPECT_EQ(outcome.stats.wire, Nanos(7)) << "ranks work side by side: the slowest counts";
}

TEST(Router, a_failure_is_to_be_abandoned_once_and_named) {
  Router router({1, 2, 1}, arrivals({0}));
  router.release(milliseconds(0));
  const ReceiveFailed failed{0, EventKind::kFailed, Reason::kOfferTimeout, "nobody offered"};
  EXPECT_EQ(router.on_report(failed), 0u);
  EXPECT_EQ(router.on_report(ReceiveFailed{0, EventKind::kCancelled, Reason::kCancelled, ""}),
            std::nullopt);
  EXPECT_FALSE(router.finished());
  router.on_report(OfferEnded{0, EventKind::kWithdrawn, Reason::kWithdrawn, ""});
  EXPECT_TRUE(router.finished());
  EXPECT_FALSE(router.succeeded(0));
  EXPECT_THAT(router.outcomes()[0].failure, HasSubstr("nobody offered"));
}

TEST(Router, an_offer_that_did_not_end_well_is_a_failure_even_if_the_bytes_are_right) {
  Router router({1, 1, 1}, arrivals({0}));
  router.release(milliseconds(0));
  router.on_report(received(0, 10, 1));
  router.on_report(Verified{0, 0, ""});
  router.on_report(OfferEnded{0, EventKind::kUnconfirmed, Reason::kLinkLost, ""});
  EXPECT_TRUE(router.finished());
  EXPECT_FALSE(router.succeeded(0));
}

TEST(Router, wrong_bytes_are_a_failure) {
  Router router({1, 1, 1}, arrivals({0}));
  router.release(milliseconds(0));
  router.on_report(received(0, 10, 1));
  router.on_report(Verified{0, 3, "layer 1, token 2"});
  router.on_report(kOfferDone);
  EXPECT_TRUE(router.finished());
  EXPECT_FALSE(router.succeeded(0));
  EXPECT_EQ(router.outcomes()[0].wrong_bytes, 3u);
  EXPECT_THAT(router.outcomes()[0].failure, HasSubstr("3 wrong bytes; the first: layer 1"));
}

TEST(Router, reports_of_requests_that_were_never_released_are_ignored) {
  Router router({1, 1, 1}, arrivals({0, 0}));
  router.release(milliseconds(0));
  EXPECT_EQ(router.on_report(Verified{1, 9, ""}), std::nullopt);
  EXPECT_EQ(router.on_report(Verified{77, 9, ""}), std::nullopt);
  EXPECT_EQ(router.outcomes()[1].wrong_bytes, 0u);
}

}  // namespace
}  // namespace pegaflow::demo
