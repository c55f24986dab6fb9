#include "pegaflow-demo/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pegaflow::demo {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::StartsWith;

TEST(Progress, a_log_gets_a_line_every_five_seconds) {
  const Progress::State state{.total = 10, .released = 5, .ended = 3, .bytes = 2'000'000'000};
  testing::internal::CaptureStderr();
  Progress progress("mapped link");
  const TimePoint begun = SteadyClock().now();
  progress.update(state, begun);
  progress.update(state, begun + 6s);
  progress.update(state, begun + 7s);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, StartsWith("mapped link: "));
  EXPECT_THAT(said, EndsWith("s  3 of 10 requests ended, 2 in flight, 2.00 GB\n"));
  EXPECT_EQ(said.find('\n'), said.size() - 1) << said;
}

TEST(Progress, failures_are_told) {
  testing::internal::CaptureStderr();
  Progress progress("ucx link");
  progress.update({.total = 10, .released = 5, .ended = 3, .failed = 1}, SteadyClock().now() + 6s);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), EndsWith(", 1 FAILED\n"));
}

}  // namespace
}  // namespace pegaflow::demo
